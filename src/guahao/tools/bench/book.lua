-- wrk's script: every request is another person's booking, with a token and a key of its own.
-- Arguments: the file of "token person" lines, how many of them to skip and to use, the first and
-- the last session to book.
local requests, position

function init(arguments)
  local skip, count = tonumber(arguments[2]), tonumber(arguments[3])
  local first, last = tonumber(arguments[4]), tonumber(arguments[5])
  math.randomseed(skip)
  -- Built before the clock starts: the load would take its time from what is measured.
  requests, position = {}, 0
  local number = 0
  for line in io.lines(arguments[1]) do
    number = number + 1
    if number > skip + count then
      break
    end
    if number > skip then
      local token, person = line:match("(%S+) (%d+)")
      local session = math.random(first, last)
      local body = string.format('{"clinic_session_id":%d,"patient_id":%s}', session, person)
      requests[number - skip] = wrk.format("POST", "/api/v1/appointments", {
        ["Authorization"] = "Bearer " .. token,
        ["Content-Type"] = "application/json",
        ["Idempotency-Key"] = "w" .. person,
      }, body)
    end
  end
end

function request()
  position = position + 1
  return assert(requests[position], "more bookings than persons")
end
