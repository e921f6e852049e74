//! What FFmpeg's crate has no safe words for.

use std::ffi::{CStr, CString};
use std::path::Path;
use std::ptr;

use ffmpeg_next::codec::Id;
use ffmpeg_next::ffi::*;
use ffmpeg_next::format::context::{Input, Output};
use ffmpeg_next::software::scaling;
use ffmpeg_next::util::interrupt;
use ffmpeg_next::{Dictionary, Error, Packet, codec, frame};

use super::failed;
use crate::MediaKind;
use crate::container::ContainerError;

/// Opens something to read, which goes on while `is_wanted` says so. An option that is not known is an error.
pub(super) fn open(
    url: &str,
    format: Option<&str>,
    options: &[(String, String)],
    is_wanted: impl Fn() -> bool + Send + 'static,
) -> Result<Input, ContainerError> {
    let url = text(url)?;
    let interrupt = interrupt::new(Box::new(move || !is_wanted()));
    // SAFETY: `find` looks a name up that ends with a zero; formats live as long as the program.
    let format = match format.map(text).transpose()? {
        None => ptr::null(),
        Some(name) => match unsafe { av_find_input_format(name.as_ptr()) } {
            found if found.is_null() => return Err(ContainerError::Malformed("format")),
            found => found,
        },
    };
    let mut options = dictionary(options)?;
    // SAFETY: a context of its own, or none.
    let mut context = unsafe { avformat_alloc_context() };
    if context.is_null() {
        left_over(options);
        return Err(failed("avformat_alloc_context")(Error::Unknown));
    }
    // SAFETY: the context is valid and nobody else's; the guard of the callback lives as long as what wraps the context. A failure
    // frees it.
    let opened = unsafe {
        (*context).interrupt_callback = interrupt.interrupt;
        avformat_open_input(&mut context, url.as_ptr(), format, &mut options)
    };
    let unknown = left_over(options);
    if opened < 0 {
        return Err(failed("avformat_open_input")(Error::from(opened)));
    }
    // SAFETY: it was opened, and is wrapped once.
    let input = unsafe { Input::wrap_with_interrupt(context, interrupt.guard) };
    if let Some(option) = unknown {
        return Err(ContainerError::UnknownOption(option));
    }
    // SAFETY: the context is that of `input`, which is alive.
    match unsafe { avformat_find_stream_info(context, ptr::null_mut()) } {
        found if found < 0 => Err(failed("avformat_find_stream_info")(Error::from(found))),
        _ => Ok(input),
    }
}

/// The devices behind a format, to be written to or read from: name, words for people, and whether it is the default.
pub(super) fn list_devices(format: &str, is_output: bool) -> Result<Vec<(String, String, bool)>, ContainerError> {
    let format = text(format)?;
    let mut list = ptr::null_mut();
    // SAFETY: names end with a zero; formats live as long as the program, and one that is not found is not asked. The list is made by the
    // call, or stays null.
    let listed = unsafe {
        if is_output {
            let found = av_guess_format(format.as_ptr(), ptr::null(), ptr::null());
            if found.is_null() { 0 } else { avdevice_list_output_sinks(found, ptr::null(), ptr::null_mut(), &mut list) }
        } else {
            let found = av_find_input_format(format.as_ptr());
            if found.is_null() {
                0
            } else {
                avdevice_list_input_sources(found, ptr::null(), ptr::null_mut(), &mut list)
            }
        }
    };
    let mut devices = Vec::new();
    // SAFETY: the list holds as many valid devices as it says; their names end with a zero, or are null. It is freed here, once.
    unsafe {
        if let Some(list) = list.as_ref() {
            for at in 0..list.nb_devices {
                let device = &**list.devices.offset(at as isize);
                let word = |text: *const std::ffi::c_char| match text.is_null() {
                    true => String::new(),
                    false => CStr::from_ptr(text).to_string_lossy().into_owned(),
                };
                let (name, label) = (word(device.device_name), word(device.device_description));
                devices.push((name, label, at == list.default_device));
            }
        }
        avdevice_free_list_devices(&mut list);
    }
    if listed < 0 { Err(failed("avdevice_list_devices")(Error::from(listed))) } else { Ok(devices) }
}

/// Where the media of a file begin, in microseconds.
pub(super) fn start_time(input: &Input) -> i64 {
    // SAFETY: the context is that of `input`, which is alive.
    match unsafe { (*input.as_ptr()).start_time } {
        AV_NOPTS_VALUE => 0,
        start => start,
    }
}

/// The bytes that a decoder needs before the first packet.
pub(super) fn extradata(parameters: &codec::Parameters) -> Vec<u8> {
    // SAFETY: the parameters are alive; FFmpeg's own pointer and length go together.
    unsafe {
        let parameters = &*parameters.as_ptr();
        match usize::try_from(parameters.extradata_size) {
            Ok(len) if len > 0 && !parameters.extradata.is_null() => {
                std::slice::from_raw_parts(parameters.extradata, len).to_vec()
            }
            _ => Vec::new(),
        }
    }
}

/// Decodes no larger pictures.
pub(super) fn limit_pixels(context: &mut codec::Context, pixels: u64) {
    // SAFETY: a plain number of a context that is alive and not open yet.
    unsafe { (*context.as_mut_ptr()).max_pixels = i64::try_from(pixels).unwrap_or(i64::MAX) };
}

/// Has an encoder aim at a bitrate, in bits per second, and keep to it within half a second; also one that is at work.
pub(super) fn set_bitrate(context: &mut codec::Context, bits_per_second: u32) {
    let rate = i64::from(bits_per_second);
    // SAFETY: plain numbers of a context that is alive, which encoders that can change them look at before each picture.
    unsafe {
        let context = &mut *context.as_mut_ptr();
        context.bit_rate = rate;
        context.rc_max_rate = rate;
        context.rc_buffer_size = i32::try_from(rate / 2).unwrap_or(i32::MAX);
    }
}

/// A file to write, of a format by its name.
pub(super) fn create(path: &Path, format: &str) -> Result<Output, ContainerError> {
    // A colon in the name of a file would make an address of it.
    let path = text(&format!("file:{}", path.to_str().ok_or(ContainerError::Malformed("path"))?))?;
    let format = text(format)?;
    let mut context = ptr::null_mut();
    // SAFETY: names end with a zero; the context is made here, or not at all.
    let made = unsafe { avformat_alloc_output_context2(&mut context, ptr::null(), format.as_ptr(), path.as_ptr()) };
    if made < 0 || context.is_null() {
        return Err(failed("avformat_alloc_output_context2")(Error::from(made)));
    }
    // SAFETY: the context is valid and nobody else's; where it cannot be opened it is freed, and not wrapped.
    unsafe {
        if (*(*context).oformat).flags & AVFMT_NOFILE == 0 {
            let opened = avio_open(&mut (*context).pb, path.as_ptr(), AVIO_FLAG_WRITE);
            if opened < 0 {
                avformat_free_context(context);
                return Err(failed("avio_open")(Error::from(opened)));
            }
        }
        Ok(Output::wrap(context))
    }
}

/// A device to write to, by its name and the name of the way to it.
pub(super) fn open_output_device(name: &str, format: &str) -> Result<Output, ContainerError> {
    let (name, format) = (text(name)?, text(format)?);
    let mut context = ptr::null_mut();
    // SAFETY: names end with a zero. A format that is found lives as long as the program, and so does its class, if it has one. The context
    // is made here, or not at all, and is nobody else's.
    unsafe {
        let found = av_guess_format(format.as_ptr(), ptr::null(), ptr::null());
        let class = found.as_ref().and_then(|found| found.priv_class.as_ref());
        if class.is_none_or(|class| class.category != AVClassCategory::AV_CLASS_CATEGORY_DEVICE_AUDIO_OUTPUT) {
            return Err(ContainerError::Malformed("device"));
        }
        let made = avformat_alloc_output_context2(&mut context, found, ptr::null(), name.as_ptr());
        if made < 0 || context.is_null() {
            return Err(failed("avformat_alloc_output_context2")(Error::from(made)));
        }
        Ok(Output::wrap(context))
    }
}

/// Takes channels for the usual ones of their number where nobody said which they are, as those of microphones.
pub(super) fn name_channels(sound: &mut frame::Audio) {
    // SAFETY: the frame is alive and nobody else's. A layout that names no channels owns nothing.
    unsafe {
        let layout = &mut (*sound.as_mut_ptr()).ch_layout;
        if layout.order == AVChannelOrder::AV_CHANNEL_ORDER_UNSPEC {
            av_channel_layout_default(layout, layout.nb_channels);
        }
    }
}

/// Converts pictures, on whichever thread it is.
pub(super) struct Scaler(pub scaling::Context);

// SAFETY: the context is tied to no thread, and has one owner, who is the only one to use and to free it.
unsafe impl Send for Scaler {}

/// What a track holds that is written as it comes.
pub(super) struct Description<'a> {
    pub kind: MediaKind,
    pub id: Id,
    pub extradata: &'a [u8],
    pub size: (u32, u32),
    pub sample_rate: u32,
    pub channels: u8,
}

/// Adds a track; gives its place.
pub(super) fn add_stream(output: &mut Output, track: &Description<'_>) -> Result<usize, ContainerError> {
    let int = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    // SAFETY: the context is that of `output`, which is alive; the stream belongs to it. The extradata are of FFmpeg's allocator, with the
    // padding that it wants, and are freed with the stream.
    unsafe {
        let stream = avformat_new_stream(output.as_mut_ptr(), ptr::null());
        if stream.is_null() {
            return Err(failed("avformat_new_stream")(Error::Unknown));
        }
        let parameters = &mut *(*stream).codecpar;
        parameters.codec_id = track.id.into();
        if !track.extradata.is_empty() {
            let bytes = av_mallocz(track.extradata.len() + AV_INPUT_BUFFER_PADDING_SIZE as usize).cast::<u8>();
            if bytes.is_null() {
                return Err(failed("av_mallocz")(Error::Unknown));
            }
            ptr::copy_nonoverlapping(track.extradata.as_ptr(), bytes, track.extradata.len());
            parameters.extradata = bytes;
            parameters.extradata_size = int(track.extradata.len() as u32);
        }
        match track.kind {
            MediaKind::Video => {
                parameters.codec_type = AVMediaType::AVMEDIA_TYPE_VIDEO;
                (parameters.width, parameters.height) = (int(track.size.0), int(track.size.1));
                parameters.format = AVPixelFormat::AV_PIX_FMT_YUV420P as i32;
                parameters.profile = 0;
                (*stream).time_base = AVRational { num: 1, den: 90_000 };
            }
            MediaKind::Audio => {
                parameters.codec_type = AVMediaType::AVMEDIA_TYPE_AUDIO;
                parameters.sample_rate = int(track.sample_rate);
                parameters.frame_size = int(track.sample_rate / 50);
                av_channel_layout_default(&mut parameters.ch_layout, i32::from(track.channels));
                (*stream).time_base = AVRational { num: 1, den: int(track.sample_rate) };
            }
        }
        Ok((*stream).index as usize)
    }
}

/// Writes the beginning of a file. An option that is not known is an error.
pub(super) fn write_header(output: &mut Output, options: &[(String, String)]) -> Result<(), ContainerError> {
    let mut options = dictionary(options)?;
    // SAFETY: the context is that of `output`, which is alive.
    let written = unsafe { avformat_write_header(output.as_mut_ptr(), &mut options) };
    let unknown = left_over(options);
    match (written, unknown) {
        (error, _) if error < 0 => Err(failed("avformat_write_header")(Error::from(error))),
        (_, Some(option)) => Err(ContainerError::UnknownOption(option)),
        _ => Ok(()),
    }
}

/// Writes what was kept back.
pub(super) fn flush(output: &mut Output) -> Result<(), ContainerError> {
    // SAFETY: the context is that of `output`, which is alive and has its header; without a packet the call means just this.
    let flushed = unsafe { av_write_frame(output.as_mut_ptr(), ptr::null_mut()) };
    if flushed < 0 {
        return Err(failed("av_write_frame")(Error::from(flushed)));
    }
    flush_file(output)
}

/// Hands what is buffered to the system.
pub(super) fn flush_file(output: &mut Output) -> Result<(), ContainerError> {
    // SAFETY: the context is that of `output`, which is alive. A format without a file has no `pb`.
    unsafe {
        let io = (*output.as_mut_ptr()).pb;
        if io.is_null() {
            return Ok(());
        }
        avio_flush(io);
        match (*io).error {
            error if error < 0 => Err(failed("avio_flush")(Error::from(error))),
            _ => Ok(()),
        }
    }
}

/// Bytes of the file so far, as far as they are known.
pub(super) fn len(output: &mut Output) -> u64 {
    // SAFETY: as in `flush`; the second call asks where the file is, and moves nothing.
    unsafe {
        let io = (*output.as_mut_ptr()).pb;
        if io.is_null() { 0 } else { u64::try_from(avio_seek(io, 0, 1)).unwrap_or(0) }
    }
}

/// What says that a packet lasts so long, and where it goes.
pub(super) fn stamp(packet: &mut Packet, stream: usize, (time, duration): (i64, i64)) {
    packet.set_stream(stream);
    packet.set_pts(Some(time));
    packet.set_dts(Some(time));
    packet.set_duration(duration);
}

fn text(text: &str) -> Result<CString, ContainerError> {
    CString::new(text).map_err(|_| ContainerError::Malformed("name"))
}

fn dictionary(options: &[(String, String)]) -> Result<*mut AVDictionary, ContainerError> {
    if options.iter().any(|(key, value)| key.contains('\0') || value.contains('\0')) {
        return Err(ContainerError::Malformed("option"));
    }
    let dictionary: Dictionary<'_> = options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    // SAFETY: `left_over` frees it.
    Ok(unsafe { dictionary.disown() })
}

/// The first option that nobody took.
fn left_over(options: *mut AVDictionary) -> Option<String> {
    // SAFETY: it comes from `dictionary`, and whoever took something from it left a valid one or none; it is freed here and nowhere else.
    unsafe {
        let entry = av_dict_get(options, c"".as_ptr(), ptr::null(), AV_DICT_IGNORE_SUFFIX);
        let key = (!entry.is_null()).then(|| CStr::from_ptr((*entry).key).to_string_lossy().into_owned());
        drop(Dictionary::own(options));
        key
    }
}
