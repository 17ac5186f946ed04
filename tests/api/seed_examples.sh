curl -X GET http://127.0.0.1:8300/api/v2/status
curl -X GET http://127.0.0.1:8300/api/v2/health
curl -X POST -H "'Content-type':'application/json'" http://127.0.0.1:8300/api/v2/changefeeds -d '{"changefeed_id":"test5","sink_uri":"blackhole://"}'
curl -X DELETE http://127.0.0.1:8300/api/v2/changefeeds/test1
curl -X PUT -H "'Content-type':'application/json'" http://127.0.0.1:8300/api/v2/changefeeds/test1 -d '{"target_ts":32}'
curl -X GET http://127.0.0.1:8300/api/v2/changefeeds?state=normal
curl -X GET http://127.0.0.1:8300/api/v2/changefeeds/test1
curl -X GET http://127.0.0.1:8300/api/v2/changefeed/test1/synced
curl -X POST http://127.0.0.1:8300/api/v2/changefeeds/test1/pause
curl -X POST http://127.0.0.1:8300/api/v2/changefeeds/test1/resume -d '{}'
curl -X GET http://127.0.0.1:8300/api/v2/processors
curl -X GET http://127.0.0.1:8300/api/v2/processors/test/561c3784-77f0-4863-ad52-65a3436db6af
curl -X GET http://127.0.0.1:8300/api/v2/captures
curl -X POST http://127.0.0.1:8300/api/v2/owner/resign
curl -X POST -H "'Content-type':'application/json'" http://127.0.0.1:8300/api/v2/log -d '{"log_level":"debug"}'
