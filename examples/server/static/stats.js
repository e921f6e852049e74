'use strict';
// Reads what a connection reports and says it in words. Rates are differences, so that the last report is kept.

class Statistics {
  constructor(pc) {
    this.pc = pc;
    this.last = new Map();
  }

  /** Pairs of name and text. */
  async rows() {
    const report = await this.pc.getStats();
    const all = [...report.values()];
    const rows = [['State', this.pc.connectionState]];
    const trip = roundTrip(all);
    if (trip !== undefined) rows.push(['Round trip', `${(trip * 1000).toFixed(1)} ms`]);
    for (const kind of ['video', 'audio']) {
      const name = kind === 'video' ? 'Video' : 'Audio';
      const of = (type) => all.find((entry) => entry.type === type && entry.kind === kind);
      const sent = of('outbound-rtp');
      if (sent) rows.push([`${name} sent`, this.stream(report, sent, sent.bytesSent, of('remote-inbound-rtp'))]);
      const returned = of('inbound-rtp');
      if (returned) rows.push([`${name} returned`, this.stream(report, returned, returned.bytesReceived, returned)]);
    }
    this.last = report;
    return rows;
  }

  /** Codec, size, frame rate, bitrate and losses of one direction; `receiver` is what its receiving side says. */
  stream(report, entry, bytes, receiver) {
    const parts = [report.get(entry.codecId)?.mimeType.split('/')[1] ?? 'no codec yet'];
    if (entry.frameWidth) parts.push(`${entry.frameWidth} × ${entry.frameHeight}`);
    if (entry.framesPerSecond !== undefined) parts.push(`${Math.round(entry.framesPerSecond)} fps`);
    const before = this.last.get(entry.id);
    if (before) {
      const rate = (bytes - (before.bytesSent ?? before.bytesReceived)) * 8 / (entry.timestamp - before.timestamp);
      parts.push(`${Math.round(rate)} kbit/s`);
    }
    if (receiver?.packetsLost !== undefined) parts.push(`${receiver.packetsLost} lost`);
    return parts.join(', ');
  }
}

/** In seconds, as ICE measured it on the pair in use, or as RTCP did. */
function roundTrip(all) {
  const pair = all.find((entry) => entry.type === 'candidate-pair' && entry.nominated && entry.state === 'succeeded');
  const measured = all.find((entry) => entry.type === 'remote-inbound-rtp' && entry.roundTripTime !== undefined);
  return pair?.currentRoundTripTime ?? measured?.roundTripTime;
}
