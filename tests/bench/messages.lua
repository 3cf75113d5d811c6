-- Posts one message after the other and says in JSON what came of it.
--
-- wrk ... -s messages.lua <address> -- <path> <file with one message each line> <file with the body> <gateway> <expected>
--
-- A message is `entity`, or `entity id timestamp signature`. An answer without the text <expected> counts as broken.

local requests, last, sent, expected = {}, 0, 0, nil
unexpected = 0

function setup(thread)
  only = thread
end

function init(arguments)
  local file = io.open(arguments[3], "rb")
  local body = file:read("*a")
  file:close()
  expected = arguments[5]
  for line in io.lines(arguments[2]) do
    local words = {}
    for word in line:gmatch("%S+") do words[#words + 1] = word end
    local headers = { ["Host"] = "localhost", ["X-Keyhouse-Gateway"] = arguments[4] }
    headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"] = words[2], words[3], words[4]
    last = last + 1
    requests[last] = wrk.format("POST", arguments[1] .. "?entity=" .. words[1] .. "&mode=live", headers, body)
  end
end

function request()
  sent = sent % last + 1
  return requests[sent]
end

function response(status, headers, body)
  if not body:find(expected, 1, true) then unexpected = unexpected + 1 end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"rate": %.1f, "p50": %.1f, "p99": %.1f, "requests": %d, "unexpected": %d, "broken": %d}\n',
    summary.requests * 1e6 / summary.duration, latency:percentile(50), latency:percentile(99),
    summary.requests, only:get("unexpected"),
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
