/** Resolves when this turn of the event loop has ended, and what was queued in it is written. */
export const turn = async (): Promise<void> => {
  await new Promise((resolve) => { setImmediate(() => { setImmediate(resolve) }) })
}

export const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await turn()
}
