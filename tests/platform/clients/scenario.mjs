// Runs the scenario that the command line names, and prints what came of it.
export async function run(scenarios) {
  console.log(JSON.stringify(await scenarios[process.argv[2]]()));
}

// Returns what an error of the client's own class says; any other error, or none, is a failure.
export async function caught(kind, ask) {
  try {
    await ask();
  } catch (error) {
    if (!(error instanceof kind)) throw error;
    return { status: error.status ?? error.statusCode, message: error.message };
  }
  throw new Error("no error came");
}
