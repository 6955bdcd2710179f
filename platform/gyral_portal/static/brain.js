// Turns the cortex around with NiiVue, which is loaded when somebody asks for it. Without it the picture above says the same.
const RAMP = "gyral-ramp";

const rgb = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

function colourMap(colours) {
  const parts = colours.map(rgb), count = colours.length;
  return {
    R: parts.map((p) => p[0]), G: parts.map((p) => p[1]), B: parts.map((p) => p[2]), A: parts.map(() => 255),
    I: parts.map((_, k) => Math.round((255 * k) / (count - 1))),
  };
}

// NiiVue takes a missing number for a colour: what has none goes below the bar, where nothing is drawn.
function hideMissing(layer, low, high) {
  const below = low - (high - low) - 1;
  layer.values = Float32Array.from(layer.values, (v) => (Number.isFinite(v) ? Math.max(v, low) : below));
  layer.cal_min = low - 1e-6 * (high - low);
  layer.cal_max = high;
}

function azimuth(side, eye) {
  if (eye !== "outside" && eye !== "middle") return 0;
  return (side === "left") === (eye === "outside") ? 90 : 270;
}
const elevation = (eye) => ({ below: -90, above: 90 })[eye] ?? 0;

async function open(box, say) {
  const [{ Niivue }, told] = await Promise.all([import(box.dataset.viewer), fetch(box.dataset.numbers).then((a) => a.json())]);
  const canvas = box.querySelector("canvas"), stage = box.querySelector(".brain-stage");
  const ground = getComputedStyle(stage).backgroundColor.match(/[\d.]+/g).slice(0, 3).map((v) => Number(v) / 255);
  const isNumbers = told.names.length === 0;
  stage.hidden = false;
  const viewer = new Niivue({
    backColor: [...ground, 1], dragAndDropEnabled: false, isColorbar: false, isOrientationTextVisible: false, loadingText: "",
    logLevel: "error", show3Dcrosshair: false,
  });
  if (isNumbers) viewer.addColormap(RAMP, colourMap(told.colours));
  await viewer.attachToCanvas(canvas);
  const at = (address, side) => address.replace("SIDE", side);
  await viewer.loadMeshes(["left", "right"].map((side) => ({
    url: at(box.dataset.surface, side), name: `${side}.surf.gii`, rgba255: [225, 225, 225, 255],
    layers: [
      { url: at(box.dataset.sulci, side), name: `${side}.shape.gii`, cal_min: 0.5, cal_max: 3, colormap: "gray", opacity: 0.35 },
      {
        url: at(box.dataset.painted, side), name: `${side}${isNumbers ? ".func" : ".label"}.gii`, opacity: 1,
        ...(isNumbers ? { colormap: RAMP, cal_min: told.low, cal_max: told.high, isTransparentBelowCalMin: true } : {}),
      },
    ],
  })));
  for (const mesh of viewer.meshes) {
    if (isNumbers) hideMissing(mesh.layers[1], told.low, told.high);
    mesh.updateMesh(viewer.gl);
    viewer.setMeshShader(mesh.id, "Matte");
  }
  const look = { side: "left", eye: "outside" };
  function show(change) {
    Object.assign(look, change);
    viewer.meshes.forEach((mesh, k) => { mesh.visible = (k === 0) === (look.side === "left"); });
    viewer.setScale(elevation(look.eye) ? 1 : 1.3);  // upright the brain is longer than the stage is high
    viewer.setRenderAzimuthElevation(azimuth(look.side, look.eye), elevation(look.eye));
    for (const button of box.querySelectorAll("[data-side], [data-eye]")) {
      button.setAttribute("aria-pressed", String([look.side, look.eye].includes(button.dataset.side ?? button.dataset.eye)));
    }
    say(`${look.side === "left" ? "Left" : "Right"} hemisphere, from ${look.eye === "middle" ? "the middle" : look.eye}.`);
  }
  box.addEventListener("click", ({ target }) => {
    if (target.dataset.side) show({ side: target.dataset.side });
    else if (target.dataset.eye) show({ eye: target.dataset.eye });
    else if (target.dataset.turn) {
      const [round, up] = target.dataset.turn.split(" ").map(Number);
      viewer.setRenderAzimuthElevation(viewer.scene.renderAzimuth + round, viewer.scene.renderElevation + up);
    }
  });
  show({});
}

for (const box of document.querySelectorAll(".brain-live")) {
  const button = box.querySelector("[data-open]"), status = box.querySelector("[role=status]");
  const say = (words) => { status.textContent = words; };
  box.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    say("Loading …");
    try {
      await open(box, say);
      button.parentElement.hidden = true;
      box.querySelector("[data-side]").focus();
    } catch (error) {
      button.disabled = false;
      box.querySelector(".brain-stage").hidden = true;
      say("The viewer could not start; it needs WebGL 2. The picture above shows the same.");
      console.info(error);
    }
  });
}
