import { broadcast } from './broadcast.js'
import { cluster } from './cluster.js'
import { connects } from './connects.js'
import { growth } from './growth.js'
import { hostile } from './hostile.js'
import { idle } from './idle.js'
import { interest } from './interest.js'
import { memory } from './memory.js'
import { notify } from './notify.js'
import { recovery } from './recovery.js'
import { stalled } from './stalled.js'
import { stats } from './stats.js'

/** Every figure, in the order in which they are measured and shown. */
export const figures = [broadcast, growth, memory, idle, connects, notify, recovery, stalled, stats, hostile, cluster, interest]
