// uWebSockets.js, whose fan-out is C++: the floor. A topic for each user and one for all.
import { createRequire } from 'node:module'
import { notification } from './notification.js'

const uws = createRequire(import.meta.url)('uwebsockets')
const app = uws.App()

app.ws('/ws/:user', {
  idleTimeout: 32, // Pings by itself before that.
  upgrade (response, request, context) {
    response.upgrade(
      { user: request.getParameter(0) },
      request.getHeader('sec-websocket-key'),
      request.getHeader('sec-websocket-protocol'),
      request.getHeader('sec-websocket-extensions'),
      context
    )
  },
  open (socket) {
    socket.subscribe(`user/${socket.getUserData().user}`)
    socket.subscribe('all')
  },
  message () {}
})

app.post('/notify/:user', (response, request) => {
  const user = request.getParameter(0)
  readJson(response, (body) => {
    const connections = app.numSubscribers(`user/${user}`)
    app.publish(`user/${user}`, notification(body))
    response.end(JSON.stringify({ user_id: user, online: connections > 0, connections }))
  })
})

app.post('/broadcast', (response) => {
  readJson(response, (body) => {
    app.publish('all', notification(body))
    response.end(JSON.stringify({ connections: app.numSubscribers('all') }))
  })
})

function readJson (response, done) {
  const chunks = []
  response.onAborted(() => {})
  response.onData((chunk, last) => {
    chunks.push(Buffer.from(chunk.slice(0))) // Its memory is only ours until this returns.
    if (last) response.cork(() => done(JSON.parse(Buffer.concat(chunks))))
  })
}

app.listen('127.0.0.1', Number(process.env.PORT), (listening) => {
  if (!listening) process.exit(1)
})
