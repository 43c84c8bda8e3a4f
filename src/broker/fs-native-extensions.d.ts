declare module 'fs-native-extensions' {
  /** Takes an exclusive lock on an open file, which the system releases when the file is closed; false when another has it. */
  export function tryLock (fd: number): boolean
}
