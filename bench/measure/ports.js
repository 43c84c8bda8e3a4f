import { connect } from 'node:net'

/** Whether somebody listens on a port. */
export function accepts (port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.resetAndDestroy()
      resolve(true)
    })
    socket.once('error', () => { resolve(false) })
  })
}
