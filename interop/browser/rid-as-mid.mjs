// Layers as sections. A browser that receives takes one stream in a section. But what packets say of their layer has the form of
// what they say of their section, so that a page that is told so finds each layer in a section of its own: the offer has a
// section for each layer, named as that, and calls the extension with the layer's name that with the section's. Its answer is put
// together again. Numbers of formats and extensions stay.

const MID = 'urn:ietf:params:rtp-hdrext:sdes:mid';
const RID = 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id';
const REPAIRED = 'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id';

/** What rewrites the messages of a call whose peer offers these layers in its first and only section. */
export function acrossSections(rids) {
  let offered;
  return (way, message) => {
    const { type } = message;
    if (type === 'candidate') {
      return way === 'toPage' ? { ...message, id: rids[0], label: 0 } : { ...message, id: midOf(offered), label: 0 };
    }
    if (way === 'toPage' && type === 'offer') {
      offered = message.sdp;
      return { ...message, sdp: apart(message.sdp, rids) };
    }
    if (way === 'toPeer' && type === 'answer') return { ...message, sdp: together(message.sdp, offered, rids) };
    return message;
  };
}

const midOf = (sdp) => sdp.match(/^a=mid:(.*)\r$/m)[1];

/** A description in parts: the session, then each section. */
const partsOf = (sdp) => sdp.split(/^(?=m=)/m);

const linesOf = (part) => part.split('\r\n').filter((line) => line !== '');

const written = (lines) => lines.map((line) => `${line}\r\n`).join('');

const isExtension = (line, uri) => line.startsWith('a=extmap:') && line.split(' ')[1] === uri;

/** The offer of a section with layers, as an offer of a section for each layer. */
function apart(sdp, rids) {
  const [session, section] = partsOf(sdp);
  const lines = linesOf(section);
  // What repairs a layer would need a name that no extension is left for.
  const repairs = new Set(lines.filter((line) => /^a=rtpmap:\d+ rtx\//i.test(line)).map((line) => line.match(/\d+/)[0]));
  const isDropped = (line) => /^a=(rid|simulcast|msid|ssrc|ssrc-group|mid):/.test(line)
    || isExtension(line, MID) || isExtension(line, REPAIRED)
    || repairs.has(line.match(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)/)?.[1]);
  const kept = lines.filter((line) => !isDropped(line))
    .map((line) => (isExtension(line, RID) ? line.replace(RID, MID) : line))
    .map((line) => (line.startsWith('m=') ? line.split(' ').filter((word, at) => at < 3 || !repairs.has(word)).join(' ') : line));
  const head = linesOf(session).map((line) => (line.startsWith('a=group:BUNDLE') ? `a=group:BUNDLE ${rids.join(' ')}` : line));
  return written(head) + rids.map((rid) => written([...kept, `a=mid:${rid}`, `a=msid:${rid} ${rid}`])).join('');
}

/** The answer to that, as one to what was offered. */
function together(sdp, offer, rids) {
  const [session, section] = partsOf(sdp);
  const ids = linesOf(offer).filter((line) => isExtension(line, MID));
  const kept = linesOf(section).filter((line) => !/^a=(mid|msid|ssrc|ssrc-group):/.test(line))
    .map((line) => (isExtension(line, MID) ? line.replace(MID, RID) : line));
  const mid = midOf(offer);
  const head = linesOf(session).map((line) => (line.startsWith('a=group:BUNDLE') ? `a=group:BUNDLE ${mid}` : line));
  const layers = [...rids.map((rid) => `a=rid:${rid} recv`), `a=simulcast:recv ${rids.join(';')}`];
  return written(head) + written([...kept, ...ids, `a=mid:${mid}`, ...layers]);
}
