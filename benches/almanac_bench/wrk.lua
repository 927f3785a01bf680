-- Posts the files 1, 2, ... of a folder in turn and prints what happened as one line of JSON.
-- Arguments after the URL: FOLDER COUNT CONTENT_TYPE

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = args[3]
  requests = {}
  for idx = 1, tonumber(args[2]) do
    local file = assert(io.open(args[1] .. "/" .. idx, "rb"))
    requests[idx] = wrk.format(nil, nil, nil, file:read("*a"))
    file:close()
  end
  turn = 0
  statuses = {}
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function response(status)
  local key = tostring(status)
  statuses[key] = (statuses[key] or 0) + 1
end

function done(summary, latency)
  local counts = {}
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses")) do
      counts[status] = (counts[status] or 0) + count
    end
  end
  local listed = {}
  for status, count in pairs(counts) do
    table.insert(listed, string.format('"%s":%d', status, count))
  end
  local errors = summary.errors
  print(string.format(
    'RESULT {"duration_us":%d,"statuses":{%s},"errors":%d,'
      .. '"p50":%d,"p90":%d,"p99":%d,"p999":%d,"max":%d}',
    summary.duration, table.concat(listed, ","),
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99),
    latency:percentile(99.9), latency.max))
end
