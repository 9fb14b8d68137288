// Read by `npm run types` only: what applications write has to have the types that it says.
import { Effects, type Event, type Kept, MemoryStore, Receiver, type Store, Verifier, allows } from "../index.js";

type Transaction = { run(sql: string): Promise<void> };

class Rows implements Store<Transaction> {
  async transaction<R>(act: (transaction: Transaction) => R | Promise<R>): Promise<R> {
    return act({ run: async () => {} });
  }
  async take(transaction: Transaction, event: Event): Promise<boolean> {
    await transaction.run(event.key);
    return event.position.number > 0n;
  }
  async people(): Promise<Kept[]> {
    return [{ key: "", position: "0-1", names: 1, marks: 1n }];
  }
}

const verifier = new Verifier({ secrets: ["whsec_"] });
const effects = new Effects({ url: "https://sayso.example", key: "" });
new Receiver({ verifier, store: new MemoryStore(), effects });
new Receiver({
  verifier,
  store: new Rows(),
  apply: async (transaction, event) => {
    if (allows(event, "marketing.offers", "email")) await transaction.run("update");
  },
});
// @ts-expect-error a store has to keep what it takes
new Receiver({ verifier, store: {} });
