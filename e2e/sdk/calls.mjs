// Makes calls through the official SDK and prints what came of each, as JSON.
//
// Standard input: {"server_url", "calls": [{"method": "ats.getJobs", "args", "api_key", "integration_id", "headers"}]}.
// Standard output: one entry for each call: {"pages": [[…], …]}, {"data", "warnings"} or {"error"}.
import { Kombo } from "@kombo-api/sdk";
import { text } from "node:stream/consumers";

const { server_url, calls } = JSON.parse(await text(process.stdin));

// The SDK wants moments as Date.
const moments = ["updated_after", "remote_created_after", "availability_date", "expires_at", "tracked_at"];

function withDates(args) {
  for (const [name, value] of Object.entries(args ?? {})) {
    if (typeof value === "object") withDates(value);
    else if (moments.includes(name)) args[name] = new Date(value);
  }
  return args;
}

async function make({ method, args, api_key, integration_id, headers }) {
  const kombo = new Kombo({ api_key, integration_id, server_url });
  const [group, name] = method.split(".");
  const answer = await kombo[group][name](withDates(args), { headers });
  if (!answer?.[Symbol.asyncIterator]) return { data: answer.data, warnings: answer.warnings };
  const pages = [];
  for await (const page of answer) pages.push(page.result.data.results);
  return { pages };
}

const out = [];
for (const call of calls) {
  try {
    out.push(await make(call));
  } catch (e) {
    out.push({ error: { class: e.constructor.name, status: e.statusCode, code: e.error?.code, title: e.error?.title, message: e.message } });
  }
}
process.stdout.write(JSON.stringify(out));
