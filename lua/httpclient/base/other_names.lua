-- other_names.lua: what options are called in other libraries, so that a message can say what they are called here.
return {
  params = "query", search = "query",
  data = "body, form or json", payload = "body, form or json", source = "body",
  files = "multipart", formdata = "multipart",
  header = "headers", http_headers = "headers",
  token = "bearer", user = "auth", username = "auth", password = "auth", userpwd = "auth",
  stream = "the function httpclient.stream", sink = "on_data or download_file",
  output = "download_file", outfile = "download_file",
  allow_redirects = "redirect", follow_redirects = "redirect", followlocation = "redirect",
  maxredirects = "max_redirects", retries = "retry", max_retries = "retry",
  verify = "tls_options", cert = "tls_options", ssl = "tls_options", cafile = "tls_options",
  insecure = "tls_options",
  proxies = "proxy", cookie_jar = "cookies", jar = "cookies", cookie = "cookies or headers",
  url = "the first argument", verbose = "trace", debug = "trace", callback = "on_response",
  base = "base_url of a Session", baseURL = "base_url of a Session",
}
