import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, env: ['browser'], ignores: ['dist', '.tap'] }),
  { rules: { camelcase: 'off' } } // Names on the wire are snake_case.
]
