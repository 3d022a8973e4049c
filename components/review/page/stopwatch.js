// Measures the time that a reviewer spends at a patient, while the page is seen.

export class Stopwatch {
  #since = 0; // 0 while the page is hidden
  #sum = 0;

  constructor() {
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) [this.#since, this.#sum] = [0, this.#milliseconds];
      else this.#since = Date.now();
    });
  }

  restart() {
    [this.#since, this.#sum] = [Date.now(), 0];
  }

  get seconds() {
    return this.#milliseconds / 1000;
  }

  get #milliseconds() {
    return this.#sum + (this.#since ? Date.now() - this.#since : 0);
  }
}
