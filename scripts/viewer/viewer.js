// The program of save/view.html: it draws what the page carries (carv3d/export/page.py says in what form), to be turned.
// build.sh makes carv3d/export/viewer/viewer.js of it.
import {
  BufferAttribute, BufferGeometry, DoubleSide, LineBasicMaterial, LineSegments, Mesh, PerspectiveCamera, Scene,
  ShaderMaterial, Vector3, WebGLRenderer, WireframeGeometry,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { DropInViewer, LogLevel, PlyLoader, SceneRevealMode } from "@mkkellogg/gaussian-splats-3d";

const SETTLE_MS = 900; // frames go on so long after the camera stood still, for a worker to begin to sort the splats
const PATIENCE_MS = 60000;
const element = (id) => document.getElementById(id);
const data = JSON.parse(element("data").textContent);
const stage = element("stage");
const shown = { particle: 0, splats: true, light: data.lit, wireframe: false, normals: false, turn: false };
const loaded = [];

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
}

// --- what there is to see -------------------------------------------------------------------------------------------

const VERTEX = `
attribute vec3 paint;
varying vec3 vPaint, vNormal, vTurned;
void main() {
  vPaint = paint;
  vNormal = normal;
  vTurned = normalMatrix * normal;
  gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
}`;

// Half-Lambert shading of display values, as carv3d/lights.py has it; normals as in save/preview.png.
const FRAGMENT = `
uniform vec3 towards;
uniform float ambient;
uniform bool light, normals;
varying vec3 vPaint, vNormal, vTurned;
void main() {
  float side = gl_FrontFacing ? 1.0 : -1.0;
  float facing = dot(side * normalize(vNormal), towards);
  float bright = light ? ambient + (1.0 - ambient) * 0.5 * (1.0 + facing) : 1.0;
  gl_FragColor = vec4(normals ? 0.5 + 0.5 * side * normalize(vTurned) : vPaint * bright, 1.0);
}`;

const material = new ShaderMaterial({
  vertexShader: VERTEX, fragmentShader: FRAGMENT, side: DoubleSide,
  polygonOffset: true, polygonOffsetFactor: 1, polygonOffsetUnits: 1, // behind the edges that lie on it
  uniforms: { towards: { value: new Vector3(...data.towards) }, ambient: { value: data.ambient },
              light: { value: false }, normals: { value: false } },
});

const ink = new LineBasicMaterial({ color: 0x2f8fd0, transparent: true, opacity: 0.5 });

async function meshOf(packed) {
  const [steps, paint, faces] = (await Promise.all([packed.positions, packed.colours, packed.faces].map(unpacked)));
  const positions = Float32Array.from(new Uint16Array(steps), (n, i) => packed.low[i % 3] + packed.step[i % 3] * n);
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(positions, 3));
  geometry.setAttribute("paint", new BufferAttribute(new Uint8Array(paint), 3, true));
  geometry.setIndex(new BufferAttribute(new Uint32Array(faces), 1));
  geometry.computeVertexNormals();
  return new Mesh(geometry, material);
}

function patiently(promise, what) {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`${what} did not come`)), PATIENCE_MS));
  return Promise.race([promise, late]);
}

async function splatsOf(packed) {
  const own = new DropInViewer({
    sharedMemoryForWorkers: false, gpuAcceleratedSort: false, integerBasedSort: false, logLevel: LogLevel.None,
    sceneRevealMode: SceneRevealMode.Instant, sphericalHarmonicsDegree: packed.degree, antialiased: packed.antialias,
  });
  scene.add(own);
  draw(); // which makes it ready
  const buffer = await PlyLoader.loadFromFileData(await unpacked(packed.ply), 1, 0, true, packed.degree);
  await patiently(own.viewer.addSplatBuffers([buffer], [{ splatAlphaRemovalThreshold: 1 }], true, false, false),
                  "the sorted splats");
  return own;
}

async function load(index) {
  if (loaded[index]) return;
  const packed = data.particles[index], found = { notes: [...packed.notes] };
  loaded[index] = found;
  if (packed.mesh) scene.add(found.mesh = await meshOf(packed.mesh));
  if (!packed.splats) return;
  try {
    found.splats = await splatsOf(packed.splats);
  } catch (error) {
    if (!found.mesh) throw error;
    found.notes.push(`The splats cannot be drawn here (${error.message}); this is the mesh.`);
  }
}

// --- the camera -----------------------------------------------------------------------------------------------------

let renderer, scene, camera, controls, asked = false, until = 0;

// Degrees, as carv3d counts them: azimuth 0 is the front, elevation upwards.
function look(azimuth, elevation) {
  const [a, e] = [azimuth, elevation].map((degrees) => degrees * Math.PI / 180);
  camera.position.set(Math.cos(e) * Math.sin(a), Math.sin(e), Math.cos(e) * Math.cos(a)).multiplyScalar(data.distance);
  controls.target.set(0, 0, 0);
  controls.update();
  show(SETTLE_MS);
}

function fit() {
  const { clientWidth: width, clientHeight: height } = stage;
  if (!width || !height) return;
  renderer.setPixelRatio(Math.min(window.devicePixelRatio || 1, 2));
  renderer.setSize(width, height);
  camera.aspect = width / height;
  const half = Math.tan(data.fovy_deg * Math.PI / 360) / Math.min(1, camera.aspect); // the narrower way has the angle
  camera.fov = Math.atan(half) * 360 / Math.PI;
  camera.updateProjectionMatrix();
  show(SETTLE_MS);
}

const draw = () => renderer.render(scene, camera);

function show(ms = 0) {
  until = Math.max(until, performance.now() + ms);
  if (asked) return;
  asked = true;
  requestAnimationFrame((now) => {
    asked = false;
    controls.update();
    draw();
    if (now < until || shown.turn || loaded[shown.particle]?.splats?.viewer.sortRunning) show();
  });
}

function turnByKey(event) {
  const by = { ArrowLeft: [-15, 0], ArrowRight: [15, 0], ArrowUp: [0, 10], ArrowDown: [0, -10] }[event.key];
  if (!by) return;
  event.preventDefault();
  const { x, y, z } = camera.position, far = camera.position.length();
  const azimuth = Math.atan2(x, z) * 180 / Math.PI + by[0];
  const elevation = Math.max(-89, Math.min(89, Math.asin(y / far) * 180 / Math.PI + by[1]));
  look(azimuth, elevation);
}

// --- what is chosen -------------------------------------------------------------------------------------------------

function apply() {
  const current = loaded[shown.particle];
  const splats = Boolean(current.splats) && (shown.splats || !current.mesh);
  loaded.forEach((each, index) => {
    if (each.mesh) each.mesh.visible = index === shown.particle && !splats;
    if (each.mesh && shown.wireframe && !each.mesh.children.length)
      each.mesh.add(new LineSegments(new WireframeGeometry(each.mesh.geometry), ink));
    for (const edges of each.mesh?.children ?? []) edges.visible = shown.wireframe;
    if (each.splats) each.splats.visible = index === shown.particle && splats;
  });
  material.uniforms.light.value = shown.light;
  material.uniforms.normals.value = shown.normals;
  controls.autoRotate = shown.turn;
  for (const button of document.querySelectorAll("button[data-toggle]")) {
    const name = button.dataset.toggle, ofMesh = ["light", "wireframe", "normals"].includes(name);
    button.hidden = ofMesh ? !current.mesh : name === "splats" && !(current.splats && current.mesh);
    button.disabled = ofMesh && splats;
    button.title = button.disabled ? "of the mesh: switch the splats off" : "";
    button.setAttribute("aria-pressed", String(shown[name] && !button.disabled));
  }
  element("notes").textContent = current.notes.join(" ");
  show(SETTLE_MS);
}

async function choose(changes) {
  Object.assign(shown, changes);
  await load(shown.particle);
  apply();
}

function still(why) {
  document.body.dataset.state = "still";
  element("notes").textContent = why;
}

async function start() {
  if (!data.particles.some((each) => each.mesh || each.splats)) return still(data.particles[0].notes.join(" "));
  if (!document.createElement("canvas").getContext("webgl2"))
    return still("This browser has no WebGL 2 here, so the picture stands still.");
  const canvas = element("canvas");
  renderer = new WebGLRenderer({ canvas, alpha: true, antialias: true });
  renderer.setClearColor(0, 0);
  [scene, camera] = [new Scene(), new PerspectiveCamera(data.fovy_deg, 1, data.distance / 100, data.distance * 10)];
  controls = new OrbitControls(camera, canvas);
  controls.enableDamping = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  controls.addEventListener("change", () => show(SETTLE_MS));
  canvas.addEventListener("keydown", turnByKey);
  new ResizeObserver(fit).observe(stage);
  fit();
  look(0, data.elevation);
  const select = element("particle");
  data.particles.forEach((each, index) => select.add(new Option(`particle ${index}`, index)));
  select.hidden = data.particles.length < 2;
  select.addEventListener("change", () => choose({ particle: Number(select.value) }));
  for (const button of document.querySelectorAll("button[data-toggle]"))
    button.addEventListener("click", () => choose({ [button.dataset.toggle]: !shown[button.dataset.toggle] }));
  element("front").addEventListener("click", () => look(0, data.elevation));
  await choose({});
  document.body.dataset.state = "ready";
}

// For a console, and for tests. settled: whether nothing moves any more. picture: what is drawn now, as a data URL,
// transparent where nothing is.
window.carv3d = { look, choose, shown, settled: () => !asked, picture: () => (draw(), element("canvas").toDataURL("image/png")) };
start().catch((error) => still(`The scene cannot be drawn here: ${error.message}`));
