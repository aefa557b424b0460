/**
 * A small polyphonic synthesiser: two detuned string-like oscillators a note through a closing low-pass filter,
 * placed by pitch as at a keyboard, into a little room and a compressor. Nothing sounds before the first gesture.
 */

const PARTIALS = 14;
const DETUNE = 3.5; // cents to either side: the slow beating of a string pair
const ATTACK = 0.004; // seconds
const RELEASE = 0.09; // seconds, time constant of the damper
const VOICES = 48; // more would only be mud, and noise from an untrained model asks for thousands
const ROOM = 1.7; // seconds

/** @typedef {{gain: GainNode, oscillators: OscillatorNode[], until: number}} Voice */

/** @param {AudioContext} audio */
function stringWave(audio) {
  const real = new Float32Array(PARTIALS + 1);
  const imaginary = new Float32Array(PARTIALS + 1);
  for (let n = 1; n <= PARTIALS; n += 1) {
    // A hammer at 1/8 of the string leaves every eighth partial weak.
    imaginary[n] = Math.abs(Math.sin((Math.PI * n) / 8)) / n ** 1.9;
  }
  return audio.createPeriodicWave(real, imaginary);
}

/** @param {AudioContext} audio */
function roomImpulse(audio) {
  const frames = Math.floor(ROOM * audio.sampleRate);
  const buffer = audio.createBuffer(2, frames, audio.sampleRate);
  for (let channel = 0; channel < 2; channel += 1) {
    const data = buffer.getChannelData(channel);
    for (let i = 0; i < frames; i += 1) data[i] = (Math.random() * 2 - 1) * Math.exp((-5.5 * i) / frames);
  }
  return buffer;
}

export class Synth {
  constructor() {
    /** @type {AudioContext|null} */
    this.audio = null;
    /** @type {Voice[]} */
    this.voices = [];
  }

  /** Make or wake the audio context; call from a click or key press. */
  async wake() {
    if (!this.audio) this.build();
    const audio = /** @type {AudioContext} */ (this.audio);
    if (audio.state !== "running") await audio.resume();
    return audio;
  }

  build() {
    const audio = new AudioContext({ latencyHint: "interactive" });
    this.wave = stringWave(audio);
    this.input = audio.createGain();
    this.input.gain.value = 0.5;
    const compressor = audio.createDynamicsCompressor();
    compressor.threshold.value = -20;
    compressor.ratio.value = 5;
    compressor.release.value = 0.2;
    const room = audio.createConvolver();
    room.buffer = roomImpulse(audio);
    const wet = audio.createGain();
    wet.gain.value = 0.14;
    this.analyser = audio.createAnalyser();
    this.analyser.fftSize = 2048;
    this.input.connect(compressor);
    this.input.connect(room).connect(wet).connect(compressor);
    // Half as loud into a curve twice as steep: unchanged when soft, rounded off below 1 when a hundred notes sound.
    const half = audio.createGain();
    half.gain.value = 0.5;
    const ceiling = audio.createWaveShaper();
    ceiling.curve = Float32Array.from({ length: 1025 }, (_, i) => Math.tanh((2 * (i - 512)) / 512));
    compressor.connect(half).connect(ceiling).connect(this.analyser).connect(audio.destination);
    this.audio = audio;
  }

  /** @returns {number} seconds on the audio clock */
  now() {
    return this.audio?.currentTime ?? 0;
  }

  /** @returns {number} what is heard now was scheduled this many seconds ago */
  latency() {
    return this.audio?.outputLatency || this.audio?.baseLatency || 0;
  }

  /**
   * @param {number} pitch  MIDI number
   * @param {number} start  audio clock, seconds
   * @param {number} seconds  how long the key is held
   * @param {number} strength  0..1
   */
  strike(pitch, start, seconds, strength) {
    const audio = this.audio;
    if (!audio || !this.wave || !this.input) return;
    this.makeRoom(start);
    const frequency = 440 * 2 ** ((pitch - 69) / 12);
    const decay = Math.min(2.6, Math.max(0.18, 1.5 * 2 ** ((60 - pitch) / 20)));
    const end = start + seconds;
    const gain = audio.createGain();
    const level = 0.3 * strength * (pitch > 60 ? 0.96 ** ((pitch - 60) / 3) : 1);
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(level, start + ATTACK);
    gain.gain.setTargetAtTime(0, start + ATTACK, decay);
    gain.gain.setTargetAtTime(0, end, RELEASE);
    const filter = audio.createBiquadFilter();
    filter.type = "lowpass";
    filter.Q.value = 0.3;
    filter.frequency.setValueAtTime(Math.min(14_000, 900 + frequency * (4 + 5 * strength)), start);
    filter.frequency.setTargetAtTime(Math.min(9_000, 500 + frequency * 2.2), start + ATTACK, decay * 0.5);
    const pan = audio.createStereoPanner();
    pan.pan.value = Math.max(-0.6, Math.min(0.6, (pitch - 62) / 60));
    gain.connect(filter).connect(pan).connect(this.input);
    const until = end + 6 * RELEASE;
    const oscillators = [-DETUNE, DETUNE].map((cents) => {
      const oscillator = audio.createOscillator();
      oscillator.setPeriodicWave(/** @type {PeriodicWave} */ (this.wave));
      oscillator.frequency.value = frequency;
      oscillator.detune.value = cents;
      oscillator.connect(gain);
      oscillator.start(start);
      oscillator.stop(until);
      return oscillator;
    });
    oscillators[1].onended = () => pan.disconnect();
    this.voices.push({ gain, oscillators, until });
  }

  /**
   * Forget voices that have ended and damp the oldest when too many sound.
   * @param {number} time
   */
  makeRoom(time) {
    this.voices = this.voices.filter(({ until }) => until > time);
    while (this.voices.length >= VOICES) {
      const oldest = this.voices.shift();
      if (oldest) this.damp(oldest, time);
    }
  }

  /**
   * @param {Voice} voice
   * @param {number} time
   */
  damp({ gain, oscillators }, time) {
    gain.gain.cancelScheduledValues(time);
    gain.gain.setTargetAtTime(0, time, 0.02);
    for (const oscillator of oscillators) oscillator.stop(time + 0.15);
  }

  /** All dampers down. */
  silence() {
    const now = this.now();
    for (const voice of this.voices) this.damp(voice, now);
    this.voices = [];
  }

  /** @returns {number} the largest sample sounding at this moment, 0..1 */
  peak() {
    if (!this.analyser) return 0;
    const samples = new Float32Array(this.analyser.fftSize);
    this.analyser.getFloatTimeDomainData(samples);
    return samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  }
}
