// Reads each description of a folder with sdp-transform, and compares what it understood with what ortica-sdp did.
//
//     node interop/sdp/check.mjs FOLDER
//
// Beside each `NAME.sdp` stands a `NAME.json`, which `cargo run -p ortica-sdp --example summary -- FOLDER` wrote.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { parse } from 'sdp-transform'

/// As text, whatever it was: sdp-transform makes numbers of all that look like one.
const text = value => (value === undefined || value === null ? null : String(value))
const texts = (list, ...names) => (list ?? []).map(item => names.map(name => text(item[name])))

/// What `summary` says of a section, in the same form.
function section(media) {
  const msids = Array.isArray(media.msid) ? media.msid : media.msid === undefined ? [] : [media.msid]
  return {
    kind: text(media.type),
    port: text(media.port),
    protocol: text(media.protocol),
    formats: text(media.payloads),
    mid: text(media.mid),
    direction: text(media.direction),
    setup: text(media.setup),
    ufrag: text(media.iceUfrag),
    pwd: text(media.icePwd),
    options: text(media.iceOptions),
    fingerprint: media.fingerprint ? [media.fingerprint.type, media.fingerprint.hash] : null,
    candidates: texts(media.candidates, 'foundation', 'component', 'transport', 'priority', 'ip', 'port', 'type'),
    ended: text(media.endOfCandidates) !== null,
    rtpmaps: texts(media.rtp, 'payload', 'codec', 'rate', 'encoding'),
    fmtps: texts(media.fmtp, 'payload', 'config'),
    feedback: (media.rtcpFb ?? []).map(it => [text(it.payload), [it.type, it.subtype].filter(Boolean).join(' ')]),
    extensions: texts(media.ext, 'value', 'uri'),
    ssrcs: texts(media.ssrcs, 'id', 'attribute', 'value'),
    ssrcGroups: texts(media.ssrcGroups, 'semantics', 'ssrcs'),
    msids: msids.map(it => (typeof it === 'object' ? [it.id, it.appdata].filter(Boolean).join(' ') : text(it))),
    mux: text(media.rtcpMux) !== null,
    reduced: text(media.rtcpRsize) !== null,
    sctpPort: text(media.sctpPort),
    maxMessageSize: text(media.maxMessageSize)
  }
}

function summary(session) {
  return {
    id: text(session.origin?.sessionId),
    version: text(session.origin?.sessionVersion),
    groups: texts(session.groups, 'type', 'mids'),
    media: session.media.map(section)
  }
}

/// The paths at which two values differ.
function differences(ours, theirs, path = '') {
  if (isDeepStrictEqual(ours, theirs)) return []
  const isTree = value => typeof value === 'object' && value !== null
  if (!isTree(ours) || !isTree(theirs)) return [`${path}: ${JSON.stringify(ours)}, and to sdp-transform ${JSON.stringify(theirs)}`]
  const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)])
  return [...keys].flatMap(key => differences(ours[key], theirs[key], `${path}/${key}`))
}

const folder = process.argv[2]
const names = readdirSync(folder).filter(name => name.endsWith('.sdp'))
let sections = 0
let failed = 0
for (const name of names) {
  const theirs = summary(parse(readFileSync(join(folder, name), 'utf8')))
  const ours = JSON.parse(readFileSync(join(folder, name.replace(/sdp$/, 'json')), 'utf8'))
  sections += theirs.media.length
  for (const difference of differences(ours, theirs)) {
    failed += 1
    console.log(`${name}${difference}`)
  }
}
console.log(JSON.stringify({ descriptions: names.length, sections, differences: failed }))
process.exit(failed > 0 || names.length === 0 ? 1 : 0)
