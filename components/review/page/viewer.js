// All that this page knows of NiiVue: its next major version changes the interface, and then only this file.
//
// NiiVue keeps a drawing as one byte a voxel, axes towards right, front, head, whatever the axes of the file are.

const { Niivue, NVImage, SLICE_TYPE, DRAG_MODE } = window.niivue;

const HEADER = 352; // bytes before the voxels, as the server writes NIfTI
const PLANES = {
  axial: { type: SLICE_TYPE.AXIAL, across: 0, up: 1, through: 2 },
  coronal: { type: SLICE_TYPE.CORONAL, across: 0, up: 2, through: 1 },
  sagittal: { type: SLICE_TYPE.SAGITTAL, across: 1, up: 2, through: 0 },
  all: { type: SLICE_TYPE.MULTIPLANAR, across: 0, up: 1, through: 2 },
};
const MASK = { R: [0, 255], G: [0, 48], B: [0, 48], A: [0, 255], I: [0, 1], labels: ["", "mask"] };
const KEPT = 200; // strokes that can be undone

export class Viewer {
  // changed: called after each change of the drawing; moved: after each change of the position.
  constructor(canvas, { changed, moved }) {
    this.changed = changed;
    this.moved = moved;
    this.plane = "axial";
    this.tool = "look";
    this.size = 3;
    this.filled = false;
    this.canvas = canvas;
    this.nv = new Niivue({
      isRadiologicalConvention: true,
      crosshairWidth: 0.2,
      crosshairWidthUnit: "percent",
      crosshairGap: 4,
      crosshairColor: [0.35, 0.75, 1, 0.8],
      backColor: [0, 0, 0, 1],
      fontColor: [0.75, 0.75, 0.75, 1],
      dragMode: DRAG_MODE.contrast,
      dragAndDropEnabled: false,
      maxDrawUndoBitmaps: 1,
      isNearestInterpolation: false,
      multiplanarShowRender: 0,
      logLevel: "error",
    });
    this.nv.onDrawingChanged = (action) => action === "draw" && this.#remember();
    this.nv.onLocationChange = () => this.moved();
    this.nv.onIntensityChange = (volume) => this.windowed?.(volume.cal_min, volume.cal_max);
  }

  async attach() {
    await this.nv.attachToCanvas(this.canvas, false);
    this.nv.setDrawColormap(MASK);
    this.nv.drawRimOpacity = 0.9; // the border is what a reader judges
  }

  // sequences: name to NIfTI bytes, all of one geometry; start and drawn: masks of that geometry.
  async open(sequences, start, drawn) {
    this.close();
    this.voxels = Object.fromEntries(
      Object.entries(sequences).map(([name, buffer]) => [name, new Uint8Array(buffer, HEADER)]),
    );
    this.windows = Object.fromEntries(Object.keys(sequences).map((name) => [name, [0, 255]]));
    this.sequence = "flair";
    const image = await NVImage.new(sequences.flair.slice(0), "flair.nii", "gray", 1);
    this.nv.addVolume(image);
    this.nv.loadDrawing(await NVImage.new(start, "start.nii"));
    this.start = this.nv.drawBitmap.slice();
    this.nv.loadDrawing(await NVImage.new(drawn, "drawn.nii"));
    this.last = this.nv.drawBitmap.slice();
    this.strokes = [];
    this.setWindow(0, 255);
    this.setPlane(this.plane);
    this.setTool(this.tool);
    this.#goToMask();
    this.nv.drawScene();
  }

  close() {
    if (this.nv.volumes.length) {
      this.nv.closeDrawing();
      for (const volume of [...this.nv.volumes]) this.nv.removeVolume(volume);
    }
    this.start = this.last = null;
    this.strokes = [];
    this.overlays = {};
  }

  showSequence(name) {
    this.sequence = name;
    const [image] = this.nv.volumes;
    image.img.set(this.voxels[name]);
    this.setWindow(...this.windows[name]);
  }

  setWindow(low, high) {
    this.windows[this.sequence] = [low, high];
    const [image] = this.nv.volumes;
    [image.cal_min, image.cal_max] = [low, high];
    this.nv.updateGLVolume();
  }

  setPlane(name) {
    this.plane = name;
    this.nv.setSliceType(PLANES[name].type);
    this.moved();
  }

  setOpacity(share) {
    this.nv.setDrawOpacity(share);
  }

  async showOverlay(name, buffer, { colormap, opacity, low, high }) {
    const image = await NVImage.new(buffer, `${name}.nii`, colormap, opacity, null, low, high);
    [image.cal_min, image.cal_max] = [low, high];
    this.overlays[name] = image;
    this.nv.addVolume(image);
  }

  hideOverlay(name) {
    if (this.overlays[name]) this.nv.removeVolume(this.overlays[name]);
    delete this.overlays[name];
  }

  setTool(tool, size = this.size, filled = this.filled) {
    [this.tool, this.size, this.filled] = [tool, size, filled];
    this.nv.setDrawingEnabled(tool !== "look");
    this.nv.setPenValue(tool === "eraser" ? 0 : 1, filled && tool !== "look");
    this.nv.opts.penSize = size;
  }

  // Position of the cursor in the drawing's voxels, and how many there are.
  get position() {
    return { at: Array.from(this.nv.frac2vox(this.nv.scene.crosshairPos)), of: this.nv.back.dims.slice(1, 4) };
  }

  // Number of the slice in this plane, from 1, and of all slices.
  get slice() {
    const { at, of } = this.position;
    const { through } = PLANES[this.plane];
    return { number: at[through] + 1, count: of[through] };
  }

  move(across, up, through = 0) {
    const plane = PLANES[this.plane];
    const by = [0, 0, 0];
    // On the screen, the patient's right is on the left.
    by[plane.across] = plane.across === 0 ? -across : across;
    by[plane.up] = up;
    by[plane.through] = through;
    this.nv.moveCrosshairInVox(...by);
    this.moved();
  }

  // Draw, or erase, once at the cursor.
  stamp() {
    if (this.tool === "look") return;
    this.nv.drawPenAxCorSag = PLANES[this.plane === "all" ? "axial" : this.plane].type;
    this.nv.drawPt(...this.position.at, this.tool === "eraser" ? 0 : 1);
    this.#redraw();
  }

  clearSlice() {
    this.#eachOfSlice((index) => (this.nv.drawBitmap[index] = 0));
    this.#redraw();
  }

  // Copy the mask of the slice before, or of the one behind at the first.
  copySlice() {
    const { at, of } = this.position;
    const { through } = PLANES[this.plane];
    const stride = [1, of[0], of[0] * of[1]][through];
    const from = at[through] > 0 ? -stride : stride;
    if (of[through] < 2) return;
    this.#eachOfSlice((index) => (this.nv.drawBitmap[index] = this.nv.drawBitmap[index + from]));
    this.#redraw();
  }

  revert() {
    this.nv.drawBitmap.set(this.start);
    this.#redraw();
  }

  undo() {
    const stroke = this.strokes.pop();
    if (!stroke) return;
    stroke.indices.forEach((index, i) => (this.nv.drawBitmap[index] = stroke.values[i]));
    this.last.set(this.nv.drawBitmap);
    this.nv.refreshDrawing(true);
    this.changed();
  }

  get canUndo() {
    return this.strokes.length > 0;
  }

  // Voxels of the drawing, of the start, and of both.
  counts() {
    const [drawn, start] = [this.nv.drawBitmap, this.start];
    let [now, before, both] = [0, 0, 0];
    for (let i = 0; i < drawn.length; i++) {
      now += drawn[i];
      before += start[i];
      both += drawn[i] & start[i];
    }
    return { now, before, both };
  }

  // The drawing as bytes of a NIfTI file, in the axes and the position of the scan's own file.
  async bytes() {
    return this.nv.saveImage({ filename: "", isSaveDrawing: true, volumeByIndex: 0 });
  }

  #redraw() {
    this.nv.refreshDrawing(true);
    this.#remember();
  }

  // Keep what the last change has changed, for undo.
  #remember() {
    const drawn = this.nv.drawBitmap;
    const indices = [];
    const values = [];
    for (let i = 0; i < drawn.length; i++) {
      if (drawn[i] !== this.last[i]) {
        indices.push(i);
        values.push(this.last[i]);
        this.last[i] = drawn[i];
      }
    }
    if (!indices.length) return;
    this.strokes.push({ indices: Uint32Array.from(indices), values: Uint8Array.from(values) });
    if (this.strokes.length > KEPT) this.strokes.shift();
    this.changed();
  }

  #eachOfSlice(job) {
    const { at, of } = this.position;
    const { through } = PLANES[this.plane];
    const strides = [1, of[0], of[0] * of[1]];
    const [one, other] = [0, 1, 2].filter((axis) => axis !== through);
    for (let i = 0; i < of[one]; i++) {
      for (let j = 0; j < of[other]; j++) {
        job(at[through] * strides[through] + i * strides[one] + j * strides[other]);
      }
    }
  }

  // Begin at the slice with most of the mask; in the middle of an empty one.
  #goToMask() {
    const [width, height, depth] = this.nv.back.dims.slice(1, 4);
    const sums = new Float64Array(depth);
    let [x, y, count] = [0, 0, 0];
    const drawn = this.nv.drawBitmap;
    for (let i = 0; i < drawn.length; i++) {
      if (drawn[i]) sums[Math.floor(i / (width * height))]++;
    }
    const best = sums.reduce((found, sum, at) => (sum > sums[found] ? at : found), 0);
    for (let j = 0; j < width * height; j++) {
      if (drawn[best * width * height + j]) {
        x += j % width;
        y += Math.floor(j / width);
        count++;
      }
    }
    const at = count ? [Math.round(x / count), Math.round(y / count), best] : [width >> 1, height >> 1, depth >> 1];
    this.nv.scene.crosshairPos = this.nv.vox2frac(at);
  }
}
