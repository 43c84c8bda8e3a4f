import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, env: ['browser'], ignores: ['dist', '.tap'] }),
  { rules: { camelcase: 'off' } }, // Names on the wire are snake_case.
  {
    files: ['src/**', 'plugins/**', 'routes/**'],
    rules: {
      'no-restricted-syntax': ['error', {
        selector: 'AssignmentExpression[left.type="MemberExpression"]:matches([right.type=/FunctionExpression$/], [right.expression.type=/FunctionExpression$/])',
        message: 'V8 makes such a function in the old generation, where it keeps all that it sees from being collected young: a socket, for one. Assign it from a variable.'
      }]
    }
  }
]
