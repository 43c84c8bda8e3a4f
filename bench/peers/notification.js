// What every peer in JavaScript makes of a POST: the same JSON as Herald.
let lastSeq = 0

/** The text of a notification, from the body of a POST. */
export function notification ({ notification_type, message }) {
  return JSON.stringify(notificationObject({ notification_type, message }))
}

/** The same before it is text, for a library that encodes by itself. */
export function notificationObject ({ notification_type, message }) {
  return {
    type: 'notification',
    id: `mbxk3v2q7f-${++lastSeq}`,
    notification_type,
    data: message,
    timestamp: new Date().toISOString()
  }
}
