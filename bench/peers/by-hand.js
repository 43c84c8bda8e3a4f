// What people write by hand on @fastify/websocket: a Map, and stringify and send in a loop.
import websocket from '@fastify/websocket'
import fastify from 'fastify'
import { notificationObject } from './notification.js'

const users = new Map()
const app = fastify()
await app.register(websocket)

app.get('/ws/:user', { websocket: true }, (socket, { params: { user } }) => {
  const own = users.get(user) ?? new Set()
  users.set(user, own.add(socket))

  socket.on('message', () => {})
  socket.on('error', () => {})
  socket.on('close', () => {
    own.delete(socket)
    if (own.size === 0) users.delete(user)
  })
})

app.post('/notify/:user', async ({ params: { user }, body }) => {
  const sockets = users.get(user) ?? []
  const connections = sendTo(sockets, notificationObject(body))
  return { user_id: user, online: connections > 0, connections }
})

app.post('/broadcast', async ({ body }) => {
  const message = notificationObject(body)
  let connections = 0
  for (const [user, sockets] of users) {
    if (user !== body.exclude_user) connections += sendTo(sockets, message)
  }
  return { connections, users: users.size }
})

function sendTo (sockets, message) {
  let sent = 0
  for (const socket of sockets) {
    if (socket.readyState !== socket.OPEN) continue
    socket.send(JSON.stringify(message))
    sent++
  }
  return sent
}

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
