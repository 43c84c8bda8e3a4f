import t from 'tap'
import { textFrame } from '../../../src/protocol/text-frame.js'
import { parseFrames } from '../../support/frames.js'

t.test('a frame of every length has the head of RFC 6455', async (t) => {
  for (const [length, head] of [
    [0, [0x81, 0]], [125, [0x81, 125]], [126, [0x81, 126, 0, 126]], [65_535, [0x81, 126, 255, 255]], [65_536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]]
  ] as const) {
    const frame = textFrame('x'.repeat(length))

    t.strictSame([...frame.subarray(0, head.length)], [...head])
    t.equal(frame.length, head.length + length)
    t.equal(parseFrames(frame).frames[0]?.payload.length, length)
  }
})

t.test('the length is counted in bytes of UTF-8', async (t) => {
  for (const text of ['Привет', '😀'.repeat(40), 'é'.repeat(40_000)]) t.equal(parseFrames(textFrame(text)).frames[0]?.payload.toString(), text)
})
