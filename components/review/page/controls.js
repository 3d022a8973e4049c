// Buttons, dialogs and keys of the page, made from one table each.

export const byId = (id) => document.getElementById(id);

// A group of buttons of which one is pressed. choices: name to [label, key].
export function group(id, choices, chosen) {
  const buttons = {};
  for (const [name, [label, key]] of Object.entries(choices)) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(label, " ", Object.assign(document.createElement("kbd"), { textContent: key }));
    button.addEventListener("click", () => chosen(name));
    buttons[name] = button;
  }
  byId(id).append(...Object.values(buttons));
  return {
    press(name) {
      for (const [other, button] of Object.entries(buttons)) button.setAttribute("aria-pressed", String(other === name));
    },
    enable(names) {
      for (const [other, button] of Object.entries(buttons)) {
        button.disabled = !names.includes(other);
        button.title = button.disabled ? "not in this examination" : "";
      }
    },
  };
}

// keys: what a key event is called, "Shift+A" or "ArrowUp", to its job.
export function listen(keys, { open }) {
  document.addEventListener(
    "keydown",
    (event) => {
      const dialog = document.querySelector("dialog[open]");
      const typing = event.target.matches("input[type=search], select, [role=listbox]");
      const sliding = event.target.matches("input[type=range]") && /^(Arrow|Page|Home|End)/.test(event.key);
      const onButton = event.target.matches("button, summary, input") && [" ", "Enter"].includes(event.key);
      if (dialog || event.altKey || event.metaKey || typing || sliding || onButton) return;
      const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
      const shift = event.shiftKey && /^[A-Z]$/.test(key) ? "Shift+" : "";
      const job = keys[(event.ctrlKey ? "Ctrl+" : "") + shift + key];
      if (event.target.matches("canvas") && event.key !== "Tab") event.stopPropagation(); // NiiVue has keys of its own
      if (!job || (!open() && key !== "?")) return;
      event.preventDefault();
      event.stopPropagation();
      job();
    },
    { capture: true },
  );
}

export function describe(list) {
  for (const [keys, what] of list) {
    const term = document.createElement("dt");
    for (const key of keys.split(" ")) term.append(Object.assign(document.createElement("kbd"), { textContent: key }));
    byId("keylist").append(term, Object.assign(document.createElement("dd"), { textContent: what }));
  }
}
