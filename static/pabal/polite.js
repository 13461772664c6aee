const MINUTE = 60_000;

// A line that is read out when numbers are new: at once, and then once a minute at the most.
export class PoliteLine {
  constructor(element, text, clock) {
    Object.assign(this, { element, text, clock, last: 0 });
  }

  tell() {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.last = Date.now();
      this.element.textContent = this.text.replace("{}", this.clock.format(new Date()));
    }, Math.max(0, this.last + MINUTE - Date.now()));
  }

  stop() {
    clearTimeout(this.timer);
  }
}

// The time of day as all times of the page are shown.
export function clockOf(zone) {
  return new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: zone });
}
