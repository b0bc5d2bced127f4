using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Attune.Web.Tests.Serving;

/// <summary>Requests that nobody means well: each gets an answer or is told what is wrong with it, and the server answers the next as if nothing had been.</summary>
public sealed class HostileRequestTests(BadRequestTests.Shared shared) : IClassFixture<BadRequestTests.Shared>
{
    private readonly ServedSite _site = shared.Site;

    private static readonly string Deep = string.Concat(Enumerable.Repeat("[", 60)) + string.Concat(Enumerable.Repeat("]", 60));

    private static readonly string[] Values =
    [
        "null", "true", "false", "0", "-1", "1", "0.5", "1e5", "1e308", "-1e308", "1e999", "99999999999999999999", "-9223372036854775809", "\"\"", "\"x\"", "\"NaN\"", "\"\\u0000\"", "\"none\"", "[]", "{}",
        "[[]]", "[null]", "[\"\"]", "[\"x\"]", "[-1]", "[1e999]", "[{}]", "[[\"x\"]]", "[true, 1, \"x\", {}]", "{\"type\": \"text\"}", "{\"type\": 7}", "{\"include_usage\": 1}", "{\"5\": 1e999}", "{\"-1\": 1}", "{\"5\": \"x\"}", "{\"\": {}}", Deep,
    ];

    /// <summary>Each address with a body that it takes; every key of it, and the further ones, is given every value.</summary>
    public static TheoryData<string, string, string> Endpoints => new()
    {
        {
            "/v1/completions", """{"model": "tiny", "prompt": "The cat", "max_tokens": 2}""",
            "n best_of stream stream_options logprobs echo suffix seed stop temperature top_p top_k min_p repetition_penalty presence_penalty frequency_penalty min_tokens logit_bias user unheard_of"
        },
        {
            "/v1/chat/completions", """{"model": "tiny", "messages": [{"role": "user", "content": "Hello."}], "max_tokens": 2}""",
            "max_completion_tokens logprobs top_logprobs n stream stream_options response_format tools functions tool_choice function_call modalities parallel_tool_calls seed stop temperature top_p logit_bias metadata audio"
        },
        { "/tokenize", """{"content": "The cat"}""", "with_pieces add_special model" },
        { "/detokenize", """{"tokens": [5, 6]}""", "model" },
    };

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task No_value_of_any_key_is_more_than_a_bad_request(string path, string body, string further)
    {
        var keys = JsonNode.Parse(body)!.AsObject().Select(member => member.Key).Concat(further.Split(' ')).ToArray();
        var (answered, refused) = (0, 0);
        foreach (var key in keys)
        {
            foreach (var value in Values)
            {
                var json = JsonNode.Parse(body)!.AsObject();
                json[key] = "@";
                var text = json.ToJsonString().Replace("\"@\"", value, StringComparison.Ordinal);
                var (status, reply) = await PostAsync(path, Encoding.UTF8.GetBytes(text));
                Assert.True(status is 200 or 400 or 404, $"{path} {text} gave {status}: {reply}");
                if (status == 200)
                {
                    answered++;
                    continue;
                }

                refused++;
                var problem = JsonNode.Parse(reply)!;
                Assert.Equal((string)problem["detail"]!, (string)problem["error"]!["message"]!);
                Assert.True(((string)problem["detail"]!).Contains("expected", StringComparison.Ordinal), $"{path} {text} says: {reply}");
                Assert.DoesNotContain("Exception", reply, StringComparison.Ordinal);
            }
        }

        Assert.InRange(answered, 1, keys.Length * Values.Length); // some of them are right
        Assert.InRange(refused, keys.Length * Values.Length / 3, keys.Length * Values.Length);
        await AssertAliveAsync();
    }

    /// <summary>Of messages: what stands where one belongs.</summary>
    [Fact]
    public async Task No_message_is_more_than_a_bad_request()
    {
        var whole = (string[])["{\"role\": @, \"content\": \"x\"}", "{\"role\": \"user\", \"content\": @}", "{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": @}]}", "{\"role\": \"user\", \"content\": [{\"type\": @, \"text\": \"x\"}]}", "{\"role\": \"user\", \"content\": \"x\", \"tool_calls\": @}", "@"];
        foreach (var message in whole)
        {
            foreach (var value in Values)
            {
                var text = $$"""{"max_tokens": 2, "messages": [{{message.Replace("@", value, StringComparison.Ordinal)}}]}""";
                var (status, reply) = await PostAsync("/v1/chat/completions", Encoding.UTF8.GetBytes(text));
                Assert.True(status is 200 or 400, $"{text} gave {status}: {reply}");
            }
        }

        await AssertAliveAsync();
    }

    [Theory]
    [InlineData("/v1/completions", "{\"prompt\": \"\\ud800\"}", "no Unicode")]
    [InlineData("/v1/completions", "{\"prompt\": \"a\\udc00b\"}", "no Unicode")]
    [InlineData("/v1/completions", "{\"\\ud800\": 1, \"prompt\": \"a\"}", "")]
    [InlineData("/v1/chat/completions", "{\"messages\": [{\"role\": \"user\", \"content\": \"\\udfff\"}]}", "no Unicode")]
    [InlineData("/tokenize", "{\"content\": \"\\ud83d\"}", "no Unicode")]
    public async Task Half_a_surrogate_pair_is_no_text(string path, string body, string said)
    {
        var (status, reply) = await PostAsync(path, Encoding.UTF8.GetBytes(body));

        Assert.True(status == 400, $"{status}: {reply}");
        Assert.Contains(said, reply, StringComparison.Ordinal);
        Assert.Contains("expected", reply, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/completions", "{\"prompt\": \"", "\"}")]
    [InlineData("/v1/completions", "{\"", "\": 1, \"prompt\": \"a\"}")]
    [InlineData("/v1/chat/completions", "{\"messages\": [{\"role\": \"", "\", \"content\": \"a\"}]}")]
    [InlineData("/tokenize", "{\"content\": \"", "\"}")]
    public async Task Bytes_that_are_not_UTF_8_are_no_text(string path, string before, string after)
    {
        foreach (var bytes in (byte[][])[[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]])
        {
            var (status, reply) = await PostAsync(path, [.. Encoding.UTF8.GetBytes(before), .. bytes, .. Encoding.UTF8.GetBytes(after)]);
            Assert.True(status == 400, $"{Convert.ToHexString(bytes)} gave {status}: {reply}");
        }
    }

    [Fact]
    public async Task Bodies_without_end_depth_or_sense_are_refused()
    {
        foreach (var body in (string[])["", " ", "\uFEFF{}", "{", "[1", "nul", "NaN", "{\"prompt\": NaN}", "{\"prompt\": 'a'}", "{\"prompt\": \"a\",}", "{\"prompt\": \"a\"}}", "{\"prompt\": \"a\"} {}",
            new string('[', 100_000), string.Concat(Enumerable.Repeat("{\"a\":", 100_000)), $"{{\"prompt\": {new string('[', 70)}{new string(']', 70)}}}"])
        {
            var (status, reply) = await PostAsync("/v1/completions", Encoding.UTF8.GetBytes(body));
            Assert.True(status == 400, $"{(body.Length < 40 ? body : body[..40])} gave {status}: {reply}");
        }
    }

    /// <summary>Within the limit on bodies: millions of parts, of which none may cost much more than its bytes.</summary>
    [Theory]
    [InlineData("/v1/completions", "{\"prompt\": [", "\"\",", "\"\"]}", 1_500_000)]
    [InlineData("/v1/completions", "{\"prompt\": [", "\"a\",", "\"a\"]}", 1_500_000)]
    [InlineData("/v1/completions", "{\"prompt\": [", "[],", "[]]}", 1_500_000)]
    [InlineData("/v1/completions", "{\"prompt\": [", "5,", "5]}", 3_000_000)]
    [InlineData("/v1/completions", "{\"prompt\": \"", "a", "\"}", 8_000_000)]
    [InlineData("/v1/completions", "{\"prompt\": \"a\", \"stop\": [", "\"a\",", "\"a\"]}", 1_500_000)]
    [InlineData("/v1/completions", "{\"prompt\": \"a\", \"model\": \"", "x", "\"}", 8_000_000)]
    [InlineData("/v1/completions", "{\"prompt\": \"a\", \"", "x", "\": 1}", 8_000_000)]
    [InlineData("/v1/completions", "{\"prompt\": \"a\", \"temperature\": ", "9", "}", 8_000_000)]
    [InlineData("/v1/chat/completions", "{\"messages\": [", "1,", "1]}", 3_000_000)]
    [InlineData("/v1/chat/completions", "{\"messages\": [", "{\"role\":\"user\"},", "{}]}", 450_000)]
    [InlineData("/v1/chat/completions", "{\"messages\": [{\"role\": \"user\", \"content\": \"", "a", "\"}]}", 8_000_000)]
    [InlineData("/detokenize", "{\"tokens\": [", "-1,", "-1]}", 2_500_000)]
    public async Task A_body_of_millions_of_parts_is_refused_in_a_few_words(string path, string before, string part, string after, int times)
    {
        var body = new StringBuilder(before, before.Length + (part.Length * times) + after.Length);
        for (var k = 0; k < times; k++)
            body.Append(part);
        var (status, reply) = await PostAsync(path, Encoding.UTF8.GetBytes(body.Append(after).ToString()));

        Assert.True(status is 400 or 404, $"{status}: {reply[..Math.Min(reply.Length, 500)]}");
        Assert.InRange(reply.Length, 1, 40_000);
        await AssertAliveAsync();
    }

    [Fact]
    public async Task Thousands_of_unknown_keys_and_biases_are_named_in_part()
    {
        var keys = string.Join(", ", Enumerable.Range(0, 100_000).Select(k => $"\"k{k}\": 1"));
        foreach (var body in (string[])[$"{{\"prompt\": \"a\", {keys}}}", $"{{\"prompt\": \"a\", \"logit_bias\": {{{keys}}}}}"])
        {
            var (status, reply) = await PostAsync("/v1/completions", Encoding.UTF8.GetBytes(body));
            Assert.Equal(400, status);
            Assert.InRange(reply.Length, 1_000, 60_000);
        }
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_refused_before_it_is_read()
    {
        using var content = new StreamContent(new EndlessStream(100_000_000));
        content.Headers.ContentType = new("application/json");
        content.Headers.ContentLength = 100_000_000;
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var status = await TooLargeAsync(content);
        Assert.True(status is 413 or 0, $"{status}"); // 0: the connection was closed while it was sent
        using var chunked = new StreamContent(new EndlessStream(100_000_000));
        chunked.Headers.ContentType = new("application/json");
        Assert.True(await TooLargeAsync(chunked) is 413 or 0);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 64 << 20);
        await AssertAliveAsync();

        async Task<int> TooLargeAsync(HttpContent body)
        {
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = body };
                request.Headers.ExpectContinue = true;
                using var reply = await _site.Http.SendAsync(request);
                Assert.Equal("application/problem+json", reply.Content.Headers.ContentType!.MediaType);
                return (int)reply.StatusCode;
            }
            catch (HttpRequestException)
            {
                return 0;
            }
        }
    }

    [Fact]
    public async Task Wrong_methods_kinds_and_addresses_are_told_as_problems()
    {
        foreach (var (method, path, kind, expected) in ((string, string, string?, int)[])[
            ("GET", "/v1/completions", null, 405), ("DELETE", "/v1/chat/completions", null, 405), ("PUT", "/tokenize", "application/json", 405), ("POST", "/health", "application/json", 405), ("PATCH", "/metrics", null, 405),
            ("POST", "/v1/completions", "text/plain", 415), ("POST", "/v1/completions", "multipart/form-data; boundary=x", 415), ("POST", "/v1/chat/completions", null, 415), ("POST", "/detokenize", "application/x-www-form-urlencoded", 415),
            ("GET", "/v1/nothing", null, 404), ("GET", "/v1/models/other", null, 404), ("POST", "/v1/embeddings", "application/json", 404), ("GET", "/..%2f..%2fetc/passwd", null, 404)])
        {
            using var request = new HttpRequestMessage(new(method), path);
            if (kind is not null)
            {
                request.Content = new ByteArrayContent("{}"u8.ToArray());
                request.Content.Headers.TryAddWithoutValidation("Content-Type", kind);
            }

            using var reply = await _site.Http.SendAsync(request);
            var text = await reply.Content.ReadAsStringAsync();
            Assert.True((int)reply.StatusCode == expected, $"{method} {path} {kind} gave {(int)reply.StatusCode}: {text}");
            Assert.Equal("application/problem+json", reply.Content.Headers.ContentType?.MediaType);
            Assert.Contains("expected", (string)JsonNode.Parse(text)!["error"]!["message"]!, StringComparison.Ordinal);
        }
    }

    /// <summary>What no client of HTTP would send: half a request, two lengths, a line without end; and one who reads nothing of what is written.</summary>
    [Fact]
    public async Task Broken_connections_leave_nothing_behind()
    {
        var address = _site.Http.BaseAddress!;
        foreach (var sent in (string[])["\r\n\r\n", "POST /v1/completions HTTP/1.1\r\n", "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{\"prompt\":",
            "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: -5\r\n\r\n", "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
            "GET /" + new string('a', 20_000) + " HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\u0000\u0001\u0002\r\n\r\n",
            "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 57\r\n\r\n{\"prompt\":\"The cat\",\"max_tokens\":200,\"stream\":true,\"n\":3}"])
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync(address.Host, address.Port);
            await socket.GetStream().WriteAsync(Encoding.Latin1.GetBytes(sent));
            await socket.GetStream().FlushAsync();
        }

        await AssertAliveAsync();
    }

    private async Task<(int Status, string Text)> PostAsync(string path, byte[] body)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new("application/json");
        using var reply = await _site.Http.PostAsync(new Uri(path, UriKind.Relative), content);
        return ((int)reply.StatusCode, await reply.Content.ReadAsStringAsync());
    }

    private async Task AssertAliveAsync()
    {
        Assert.Equal("""{"status":"ok"}""", await _site.GetAsync("/health"));
        var reply = await _site.PostAsync("/v1/completions", new { prompt = "The cat", max_tokens = 3, seed = 1 });
        Assert.Equal(3, (int)reply["usage"]!["completion_tokens"]!);
        for (var waited = 0; _site.Model.Active + _site.Model.Waiting > 0; waited++) // the last place is free a moment after its answer is there
        {
            Assert.InRange(waited, 0, 1_000);
            await Task.Delay(10);
        }
    }

    /// <summary>Blanks, so many of them, without holding them.</summary>
    private sealed class EndlessStream(long length) : Stream
    {
        private long _left = length;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            var read = (int)Math.Min(_left, count);
            buffer.AsSpan(offset, read).Fill((byte)' ');
            _left -= read;
            return read;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
