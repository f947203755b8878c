-- wrk's script: every request is another person's booking, with a token and a key of its own.
-- Arguments: the file of "token person" lines, the first line to use, the first and the
-- last session to book.
local people, position, first, last

function init(arguments)
  people = {}
  local skip = tonumber(arguments[2])
  local number = 0
  for line in io.lines(arguments[1]) do
    number = number + 1
    if number > skip then
      people[#people + 1] = line
    end
  end
  position = 0
  first, last = tonumber(arguments[3]), tonumber(arguments[4])
  math.randomseed(skip)
end

function request()
  position = position + 1
  local token, person = people[position]:match("(%S+) (%d+)")
  local body = string.format('{"clinic_session_id":%d,"patient_id":%s}', math.random(first, last), person)
  return wrk.format("POST", "/api/v1/appointments", {
    ["Authorization"] = "Bearer " .. token,
    ["Content-Type"] = "application/json",
    ["Idempotency-Key"] = "w" .. person,
  }, body)
end
