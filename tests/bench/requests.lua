-- Presents one credential after the other and says in JSON what came of it.
--
-- wrk ... -s requests.lua <address> -- <path> <file with one Authorization each line> [<header>=<value> ...]

local requests, last, sent = {}, 0, 0

function init(arguments)
  local headers = { ["Host"] = "localhost" }
  for number = 3, #arguments do
    local name, value = arguments[number]:match("^([^=]+)=(.*)$")
    headers[name] = value
  end
  for line in io.lines(arguments[2]) do
    headers["Authorization"] = line
    last = last + 1
    requests[last] = wrk.format("GET", arguments[1], headers)
  end
end

function request()
  sent = sent % last + 1
  return requests[sent]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"rate": %.1f, "p50": %.1f, "p99": %.1f, "requests": %d, "refused": %d, "broken": %d}\n',
    summary.requests * 1e6 / summary.duration, latency:percentile(50), latency:percentile(99),
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
