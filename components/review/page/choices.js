// What can be chosen on the page: tables of names, labels and keys.

export const SEQUENCES = { pre: ["T1", "1"], flair: ["FLAIR", "2"], post: ["T1 contrast", "3"] };
export const PLANES = { axial: ["axial", "A"], coronal: ["coronal", "C"], sagittal: ["sagittal", "S"], all: ["all", "M"] };
export const TOOLS = { look: ["look", "L"], brush: ["brush", "B"], eraser: ["eraser", "E"] };
export const REASONS = ["unreadable", "not a brain", "other disease", "unsure"];
export const LAYERS = {
  reference: { colormap: "green", opacity: 0.3, low: 0, high: 1 },
  prediction: { colormap: "green", opacity: 0.3, low: 0, high: 1 },
  probability: { colormap: "warm", opacity: 0.4, low: 12, high: 255 },
};
export const KEYS = [
  ["J K", "next patient, the one before"],
  ["N", "next open patient"],
  ["1 2 3", "T1, FLAIR, T1 with contrast agent"],
  ["A C S M", "axial, coronal, sagittal, all three planes"],
  [", .", "slice before, next slice"],
  ["← ↑ → ↓", "move the cursor"],
  ["L B E", "look, brush, eraser"],
  ["Space", "draw or erase at the cursor"],
  ["[ ]", "smaller, larger brush"],
  ["F", "fill what a stroke encloses"],
  ["Z", "undo"],
  ["X V", "clear the slice, copy the mask of the slice before"],
  ["O T P", "show or hide mask, the mask to compare with, probability"],
  ["⇧A ⇧S ⇧R", "accept unchanged, save corrected, reject"],
];
