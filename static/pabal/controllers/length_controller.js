import { Controller } from "../../vendor/stimulus/stimulus.js";

// GSM 03.38: what fits into seven bits; each of the second line takes two places.
const BASIC = new Set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà");
const EXTENDED = new Set("^{}\\[~]|€\f");

// How many messages a text becomes: 160 or 70 places, 153 or 67 in each of several; a surrogate pair is never split.
export function segments(text) {
  const chars = [...text];
  const isGsm = chars.every((char) => BASIC.has(char) || EXTENDED.has(char));
  const sizes = chars.map((char) => (isGsm ? (EXTENDED.has(char) ? 2 : 1) : char.length));
  const places = sizes.reduce((sum, size) => sum + size, 0);
  const [whole, part] = isGsm ? [160, 153] : [70, 67];
  if (places <= whole) return { isGsm, places, count: places ? 1 : 0 };
  let count = 1;
  let used = 0;
  for (const size of sizes) {
    if (used + size > part) {
      count += 1;
      used = 0;
    }
    used += size;
  }
  return { isGsm, places, count };
}

// The length of each text beside it; of an SMS also its parts.
export default class extends Controller {
  static targets = ["box", "text", "count"];
  static values = { sms: Boolean, words: Object };

  connect() {
    this.update();
  }

  update() {
    for (const box of this.boxTargets) {
      const text = box.querySelector("[data-length-target~=text]");
      const count = box.querySelector("[data-length-target~=count]");
      if (text && count) count.textContent = this.sentence(text);
    }
  }

  sentence(field) {
    const length = [...field.value].length;
    const limit = Number(field.dataset.limit);
    const shown = `${length.toLocaleString()} / ${limit.toLocaleString()}`;
    if (!this.smsValue) return shown;
    const { isGsm, count } = segments(field.value);
    const words = this.wordsValue;
    const parts = `${shown} · ${words.parts.replace("%", count)} (${isGsm ? "GSM-7" : "UCS-2"})`;
    return field.value.includes("{{") ? `${parts} · ${words.variables}` : parts;
  }
}
