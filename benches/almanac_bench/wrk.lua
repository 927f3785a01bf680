-- Posts the files 1, 2, ... of a folder in turn and prints what happened as one line of JSON.
-- Arguments after the URL: FOLDER COUNT CONTENT_TYPE WARM_SECONDS

local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long ns; } moment; int clock_gettime(int, moment *);")
local CLOCK_MONOTONIC = 1
local moment = ffi.new("moment")

local function now()
  ffi.C.clock_gettime(CLOCK_MONOTONIC, moment)
  return tonumber(moment.s) + tonumber(moment.ns) / 1e9
end

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
  warm_seconds = tonumber(args[4])
  begin = 0
  -- 2xx answers after the warm-up, and when the first and the last of them came.
  counted, first, last = 0, 0, 0
end

function request()
  if begin == 0 then
    begin = now()
  end
  turn = turn % #requests + 1
  return requests[turn]
end

function response(status)
  statuses[status] = (statuses[status] or 0) + 1
  if status >= 200 and status < 300 then
    local time = now()
    if time - begin >= warm_seconds then
      if counted == 0 then
        first = time
      end
      counted, last = counted + 1, time
    end
  end
end

function done(summary, latency)
  local counts, counted, seconds = {}, 0, 0
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses")) do
      counts[status] = (counts[status] or 0) + count
    end
    counted = counted + thread:get("counted")
    seconds = math.max(seconds, thread:get("last") - thread:get("first"))
  end
  local listed = {}
  for status, count in pairs(counts) do
    table.insert(listed, string.format('"%d":%d', status, count))
  end
  local errors = summary.errors
  print(string.format(
    'RESULT {"counted":%d,"counted_seconds":%.6f,"statuses":{%s},"errors":%d,'
      .. '"p50":%d,"p90":%d,"p99":%d,"p999":%d,"max":%d}',
    counted, seconds, table.concat(listed, ","),
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99),
    latency:percentile(99.9), latency.max))
end
