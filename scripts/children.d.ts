import type { ChildProcess } from 'node:child_process'

export function keep<Child extends ChildProcess> (child: Child): Child
export function end (child: ChildProcess): Promise<void>
