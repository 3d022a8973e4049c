// Keeps what is drawn on the server after each stroke, one request at a time, and says so; tries again where that fails.

const AGAIN = 3000; // milliseconds

export class Drafts {
  // send: sends the newest drawing; told: called with the state, "saving", "saved" or "failed", and the reason.
  constructor(send, told) {
    this.send = send;
    this.told = told;
    this.waiting = false;
    this.busy = null;
    this.failed = false;
  }

  // The drawing has changed.
  touch() {
    this.waiting = true;
    this.busy ??= this.#run().finally(() => (this.busy = null));
    return this.busy;
  }

  // Wait until nothing is on its way; forget what waits. Returns whether all is kept.
  async settle() {
    clearTimeout(this.timer);
    if (this.failed) this.touch();
    await this.busy;
    return !this.failed;
  }

  forget() {
    clearTimeout(this.timer);
    this.waiting = this.failed = false;
  }

  async #run() {
    while (this.waiting) {
      this.waiting = false;
      this.told("saving");
      try {
        await this.send();
        this.failed = false;
        this.told("saved");
      } catch (error) {
        this.failed = true;
        this.told("failed", error.message);
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.touch(), AGAIN);
      }
    }
  }
}
