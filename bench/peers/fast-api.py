# The connection manager of FastAPI's guide, on uvicorn and uvloop: json.dumps once, and send_text for each socket.
import json
import os
import resource
from datetime import datetime, timezone
from itertools import count

import uvicorn
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect

app = FastAPI()
users: dict[str, set[WebSocket]] = {}
sequence = count(1)


@app.websocket('/ws/{user}')
async def connect(socket: WebSocket, user: str):
    await socket.accept()
    users.setdefault(user, set()).add(socket)
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        users[user].discard(socket)
        if not users[user]:
            del users[user]


@app.post('/notify/{user}')
async def notify(user: str, request: Request):
    connections = await send_to(users.get(user, ()), notification(await request.json()))
    return {'user_id': user, 'online': connections > 0, 'connections': connections}


@app.post('/broadcast')
async def broadcast(request: Request):
    body = await request.json()
    text = notification(body)
    connections = 0
    for user, sockets in list(users.items()):
        if user != body.get('exclude_user'):
            connections += await send_to(sockets, text)
    return {'connections': connections, 'users': len(users)}


def notification(body):
    timestamp = datetime.now(timezone.utc).isoformat(timespec='milliseconds').replace('+00:00', 'Z')
    return json.dumps({
        'type': 'notification',
        'id': f'mbxk3v2q7f-{next(sequence)}',
        'notification_type': body['notification_type'],
        'data': body['message'],
        'timestamp': timestamp,
    })


async def send_to(sockets, text):
    sent = 0
    for socket in list(sockets):
        await socket.send_text(text)
        sent += 1
    return sent


_, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
uvicorn.run(
    app, host='127.0.0.1', port=int(os.environ['PORT']),
    loop='uvloop', http='auto', ws='websockets', access_log=False, log_level='critical',
)
