type Tool = 'redis' | 'nginx' | 'haproxy' | 'caddy' | 'promtool' | 'chromium' | 'websockets' | 'curl' | 'script' | 'prlimit'

export function hasTool (name: Tool): boolean
export function howToInstall (names: Tool[]): string
