// The list at the side: filters, states, and the keyboard.

const NUMBERS = new Intl.NumberFormat("en");
const digits = (value, count) => (value === null ? "–" : value.toFixed(count));

export class Patients {
  // chosen: called with the row of the patient that was chosen.
  constructor(chosen) {
    this.chosen = chosen;
    this.rows = [];
    this.current = null;
    [this.box, this.state, this.name] = ["patients", "state", "name"].map((id) => document.getElementById(id));
    this.state.addEventListener("change", () => this.show());
    this.name.addEventListener("input", () => this.show());
    this.name.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && this.shown.length) this.choose(this.shown[0]);
    });
    this.box.addEventListener("click", (event) => {
      const item = event.target.closest("[role=option]");
      if (item) this.choose(this.rows[Number(item.dataset.id)]);
    });
    this.box.addEventListener("keydown", (event) => this.#key(event));
    this.box.addEventListener("focus", () => this.#point(this.pointed ?? this.current ?? this.shown[0]));
  }

  fill(rows) {
    this.rows = rows;
    this.show();
  }

  get left() {
    return this.rows.filter((row) => row.state === "open").length;
  }

  update(id, changes) {
    Object.assign(this.rows[id], changes);
    this.show();
  }

  choose(row) {
    this.current = this.pointed = row;
    this.show();
    this.chosen(row);
  }

  // The next patient of the list, or the one before; the next open one.
  step(by) {
    const at = this.shown.indexOf(this.current);
    const next = this.shown[at < 0 ? 0 : at + by];
    if (next) this.choose(next);
  }

  nextOpen() {
    const at = this.current ? this.rows.indexOf(this.current) : -1;
    const order = [...this.rows.slice(at + 1), ...this.rows.slice(0, Math.max(at, 0))];
    const next = order.find((row) => row.state === "open");
    if (next) this.choose(next);
    return Boolean(next);
  }

  show() {
    const wanted = this.name.value.trim().toLowerCase();
    this.shown = this.rows.filter(
      (row) => (!this.state.value || row.state === this.state.value) && row.patient.toLowerCase().includes(wanted),
    );
    this.box.replaceChildren(...this.shown.map((row) => this.#item(row)));
    document.getElementById("none").hidden = this.shown.length > 0;
    if (this.pointed) this.#point(this.pointed);
  }

  #item(row) {
    const item = document.createElement("li");
    const voxels = row.voxels === null ? "–" : `${NUMBERS.format(row.voxels)} voxels`;
    const size = row.ml === null ? voxels : `${digits(row.ml, 1)} ml`;
    const slices = row.slices === null ? "" : `${row.slices} ${row.slices === 1 ? "slice" : "slices"}`;
    const words = [row.patient, `doubt ${digits(row.doubt, 2)}`, size, slices, row.state].filter(Boolean);
    if (row.refer) words.push("look first");
    if (row.draft) words.push("has unsaved drawing");
    item.id = `patient-${row.id}`;
    item.dataset.id = row.id;
    item.className = row.state;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(row === this.current));
    item.setAttribute("aria-label", words.join(", "));
    const parts = [
      ["name", row.patient],
      ["state", row.draft ? `${row.state} ✎` : row.state],
      ["doubt", `doubt ${digits(row.doubt, 2)}`],
      ["size", [size, slices].filter(Boolean).join(", ")],
    ];
    for (const [kind, text] of parts) {
      const part = document.createElement("span");
      part.className = kind;
      part.textContent = text;
      if (kind === "doubt") {
        const meter = document.createElement("i");
        meter.style.inlineSize = `${Math.round(100 * (row.doubt ?? 0))}%`;
        meter.className = row.refer ? "refer" : "";
        part.append(meter);
      }
      if (kind === "name") part.title = row.patient;
      if (kind === "doubt" && row.refer) part.title = "the model asks for a human here";
      item.append(part);
    }
    return item;
  }

  #point(row) {
    this.pointed = row;
    for (const item of this.box.querySelectorAll(".pointed")) item.classList.remove("pointed");
    const item = row && document.getElementById(`patient-${row.id}`);
    if (!item) return this.box.removeAttribute("aria-activedescendant");
    item.classList.add("pointed");
    this.box.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    const at = this.shown.indexOf(this.pointed);
    const page = Math.max(1, Math.floor(this.box.clientHeight / 52) - 1);
    const to = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: this.shown.length - 1,
    }[event.key];
    if (event.key === "Enter" || event.key === " ") {
      if (this.pointed) this.choose(this.pointed);
    } else if (to === undefined || !this.shown.length) {
      return;
    } else {
      this.#point(this.shown[Math.min(this.shown.length - 1, Math.max(0, to))]);
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
