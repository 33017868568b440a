/** The files that the page loads only here, by the names that the build gave them. */

const names = JSON.parse(document.getElementById("parts")!.textContent) as Record<string, string>;

export const stylesheet = names["graphiql.css"]!;

const LABELS: Record<string, string> = { json: "json.worker", graphql: "graphql.worker" };

(globalThis as { MonacoEnvironment?: unknown }).MonacoEnvironment = {
  getWorker: (_id: string, label: string) =>
    new Worker(names[LABELS[label] ?? "editor.worker"]!, { type: "module", name: label }),
};
