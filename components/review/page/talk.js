// Requests to the server. Every failure becomes an Error whose message can be shown as it is.

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. What you have drawn is still on this page; start `glioflow review` again.");
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    const lost = "The server has been restarted since this page was opened: open the address that it printed last.";
    throw new Error(told.error ?? (answer.status === 403 ? lost : `The server answers ${answer.status}.`));
  }
  return answer;
}

const octets = { "content-type": "application/octet-stream" };

// Masks are mostly zeros: gzip makes megabytes kilobytes.
async function packed(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

export const list = async () => (await ask("/patients")).json();

export const details = async (id) => (await ask(`/patients/${id}`)).json();

export const layer = async (id, name) => (await ask(`/patients/${id}/layers/${name}`)).arrayBuffer();

export async function keepDraft(id, scan, bytes) {
  const body = await packed(bytes);
  await ask(`/patients/${id}/draft?${new URLSearchParams({ scan })}`, { method: "PUT", headers: octets, body });
}

export const dropDraft = (id) => ask(`/patients/${id}/draft`, { method: "DELETE" });

export async function decide(id, decision, { scan, base, seconds, reason = "", bytes = null }) {
  const query = new URLSearchParams({ scan, base, seconds, reason });
  const sent = bytes === null ? {} : { headers: octets, body: await packed(bytes) };
  return (await ask(`/patients/${id}/decisions/${decision}?${query}`, { method: "POST", ...sent })).json();
}
