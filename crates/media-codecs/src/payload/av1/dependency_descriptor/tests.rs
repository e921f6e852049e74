//! Descriptors as bytes and back.

use proptest::prelude::*;

use super::*;

/// Layers in time as L1T2 has them, with a chain.
fn two_layers() -> TemplateStructure {
    use Indication::{Discardable, NotPresent, Switch};
    let template = |temporal_id, indications: [Indication; 2], frame_diffs: &[u8], chain| Template {
        spatial_id: 0,
        temporal_id,
        indications: indications.to_vec(),
        frame_diffs: frame_diffs.to_vec(),
        chain_diffs: vec![chain],
    };
    let templates = vec![
        template(0, [Switch, Switch], &[], 0),
        template(0, [Switch, Switch], &[2], 2),
        template(1, [NotPresent, Discardable], &[1], 1),
    ];
    TemplateStructure::new(5, templates, vec![0, 0], vec![Size { width: 640, height: 360 }]).unwrap()
}

#[test]
fn a_structure_reads_bit_by_bit_as_the_specification_has_it() {
    let descriptor = DependencyDescriptor {
        starts_frame: true,
        template_id: 5,
        frame_number: 0x1234,
        structure: Some(two_layers()),
        ..DependencyDescriptor::default()
    };
    let bits: String = descriptor.encode(None).iter().map(|byte| format!("{byte:08b}")).collect();
    let expected = [
        // Start, end, template id, frame number; what follows.
        "1",
        "0",
        "000101",
        "0001001000110100",
        "10000",
        // Offset, decode targets, layers.
        "000101",
        "00001",
        "00",
        "01",
        "11",
        // Indications, references.
        "1010",
        "1010",
        "0001",
        "0",
        "100010",
        "100000",
        // One chain of 0 to 2, which protects both, and how far back it goes.
        "10",
        "0000",
        "0010",
        "0001",
        // The size.
        "1",
        "0000001001111111",
        "0000000101100111",
    ];
    assert!(bits.starts_with(&expected.concat()), "{bits}");
    assert_eq!(DependencyDescriptor::decode(&descriptor.encode(None), None), Ok(descriptor));
}

#[test]
fn three_bytes_name_a_template_of_the_structure_that_came_before() {
    let structure = two_layers();
    let read = |bytes: &[u8]| DependencyDescriptor::decode(bytes, Some(&structure));
    let descriptor = read(&[0x47, 0, 9]).unwrap();
    assert!(!descriptor.starts_frame && descriptor.ends_frame && descriptor.frame_number == 9);
    assert_eq!(structure.template(descriptor.template_id).map(|it| it.temporal_id), Some(1));
    assert_eq!(descriptor.encode(Some(&structure)), [0x47, 0, 9]);
    assert_eq!(read(&[0x48, 0, 9]), Err(DecodeError::Invalid("template id")));
    assert_eq!(DependencyDescriptor::decode(&[0x47, 0, 9], None), Err(DecodeError::Invalid("template structure")));
    assert_eq!(read(&[0x47, 0]), Err(DecodeError::Truncated("dependency descriptor")));
}

#[test]
fn the_ids_of_templates_wrap() {
    let whole = two_layers();
    let parts = (whole.templates().to_vec(), whole.protected_by().to_vec());
    let structure = TemplateStructure::new(62, parts.0, parts.1, Vec::new()).unwrap();
    let layer = |id| structure.template(id).map(|template| template.temporal_id);
    assert_eq!([61, 62, 63, 0, 1].map(layer), [None, Some(0), Some(0), Some(1), None]);
}

/// The guard: a structure has 64 templates in four by eight layers at most, and each list its length.
#[test]
fn pay_2_av1_structures_beyond_their_bounds_are_refused() {
    let template = |spatial_id, temporal_id| Template {
        spatial_id,
        temporal_id,
        indications: vec![Indication::Switch],
        ..Template::default()
    };
    let new = |templates| TemplateStructure::new(0, templates, Vec::new(), Vec::new());
    assert!(new(vec![template(0, 0); 64]).is_ok());
    for templates in [
        Vec::new(),
        vec![template(0, 0); 65],
        vec![template(0, 1)],
        vec![template(0, 0), template(0, 2)],
        vec![template(0, 0), template(1, 1)],
        (0..9).map(|layer| template(0, layer)).collect(),
        (0..5).map(|layer| template(layer, 0)).collect(),
        vec![Template { indications: vec![Indication::Switch; 33], ..template(0, 0) }],
        vec![Template { frame_diffs: vec![17], ..template(0, 0) }],
        vec![Template { chain_diffs: vec![1, 1], ..template(0, 0) }],
    ] {
        assert!(new(templates.clone()).is_err(), "{templates:?}");
    }
    // Nine layers in time, four in space and one more, and 65 templates, as bits, with those that end them.
    for next in ["01".repeat(8), "10".repeat(4), "00".repeat(64)] {
        let bits = format!("{:024b}10000{:06b}{:05b}{next}11", 0, 0, 0);
        let bytes: Vec<u8> = (0..200)
            .map(|at| {
                u8::from_str_radix(
                    &format!("{:0<8}", bits.get(8 * at..).map_or("", |rest| &rest[..rest.len().min(8)])),
                    2,
                )
                .unwrap()
            })
            .collect();
        assert_eq!(DependencyDescriptor::decode(&bytes, None), Err(DecodeError::Invalid("template layer")), "{next}");
    }
}

fn indications(count: usize) -> impl Strategy<Value = Vec<Indication>> {
    use Indication::{Discardable, NotPresent, Required, Switch};
    prop::collection::vec(prop::sample::select(vec![NotPresent, Discardable, Switch, Required]), count)
}

fn structures() -> impl Strategy<Value = TemplateStructure> {
    let shape =
        (1usize..=32).prop_flat_map(|targets| (Just(targets), 0..=targets, prop::collection::vec(0u8..3, 0..20)));
    let parts = shape.prop_flat_map(|(targets, chains, steps)| {
        let mut layers = vec![(0, 0)];
        for step in steps {
            let (space, time) = layers[layers.len() - 1];
            layers.push(match step {
                1 if time < 7 => (space, time + 1),
                2 if space < 3 => (space + 1, 0),
                _ => (space, time),
            });
        }
        let template = |(spatial_id, temporal_id)| {
            let lists =
                (indications(targets), prop::collection::vec(1u8..=16, 0..5), prop::collection::vec(0u8..16, chains));
            lists.prop_map(move |(indications, frame_diffs, chain_diffs)| Template {
                spatial_id,
                temporal_id,
                indications,
                frame_diffs,
                chain_diffs,
            })
        };
        let spatial = usize::from(layers[layers.len() - 1].0) + 1;
        let protected = prop::collection::vec(0..chains.max(1) as u8, if chains == 0 { 0 } else { targets });
        let size = (1u32..=65_536, 1u32..=65_536).prop_map(|(width, height)| Size { width, height });
        let sizes = prop_oneof![Just(Vec::new()), prop::collection::vec(size, spatial)];
        (0u8..64, layers.into_iter().map(template).collect::<Vec<_>>(), protected, sizes)
    });
    parts.prop_map(|(offset, templates, protected, sizes)| {
        TemplateStructure::new(offset, templates, protected, sizes).unwrap()
    })
}

fn descriptors() -> impl Strategy<Value = (DependencyDescriptor, TemplateStructure)> {
    structures().prop_flat_map(|structure| {
        let (targets, chains) = (structure.decode_targets(), usize::from(structure.chains()));
        let mask = if targets == 32 { u32::MAX } else { (1 << targets) - 1 };
        let custom = (
            prop::option::of(any::<u32>().prop_map(move |active| active & mask)),
            prop::option::of(indications(targets.into())),
            prop::option::of(prop::collection::vec(1u16..=4_096, 0..8)),
            prop::option::of(prop::collection::vec(any::<u8>(), chains)),
        );
        let (count, offset) = (structure.templates().len(), structure.id_offset());
        let fixed = (any::<bool>(), any::<bool>(), 0..count, any::<u16>(), any::<bool>());
        (fixed, custom).prop_map(move |((starts_frame, ends_frame, index, frame_number, attached), custom)| {
            let (active_decode_targets, indications, frame_diffs, chain_diffs) = custom;
            let descriptor = DependencyDescriptor {
                starts_frame,
                ends_frame,
                template_id: ((usize::from(offset) + index) % 64) as u8,
                frame_number,
                structure: attached.then(|| structure.clone()),
                active_decode_targets,
                indications,
                frame_diffs,
                chain_diffs,
            };
            (descriptor, structure.clone())
        })
    })
}

proptest! {
    #[test]
    fn decoding_undoes_encoding((descriptor, structure) in descriptors()) {
        let bytes = descriptor.encode(Some(&structure));
        prop_assert_eq!(DependencyDescriptor::decode(&bytes, Some(&structure)), Ok(descriptor));
    }

    #[test]
    fn any_bytes_decode_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..80), known in any::<bool>()) {
        let structure = two_layers();
        if let Ok(read) = DependencyDescriptor::decode(&bytes, known.then_some(&structure)) {
            let again = DependencyDescriptor::decode(&read.encode(Some(&structure)), Some(&structure));
            prop_assert_eq!(again, Ok(read));
        }
    }
}
