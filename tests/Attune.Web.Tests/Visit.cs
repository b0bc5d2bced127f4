using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Attune.Web.Tests;

/// <summary>A small client: cookies, forms with their tokens, JSON; follows no redirect.</summary>
internal sealed class Visit : IDisposable
{
    private readonly HttpClient _http;

    public Visit(Uri address)
    {
        Address = address;
        _http = new HttpClient(new HttpClientHandler { CookieContainer = Cookies, AllowAutoRedirect = false }) { BaseAddress = address };
    }

    public Uri Address { get; }

    public CookieContainer Cookies { get; } = new();

    public bool IsSignedIn => Cookies.GetCookies(Address)["attune-session"] is not null;

    /// <summary>An API key to send.</summary>
    public string? Key { get; set; }

    /// <summary>Other headers to send.</summary>
    public Dictionary<string, string> Headers { get; } = [];

    /// <summary>The language to ask for.</summary>
    public string? Language { get; set; }

    public Task<HttpResponseMessage> Get(string path) => Send(HttpMethod.Get, path);

    public async Task<string> Page(string path)
    {
        using var reply = await Get(path);
        Assert.Equal(HttpStatusCode.OK, reply.StatusCode);
        return await reply.Content.ReadAsStringAsync();
    }

    /// <summary>Sends the form of a page, with the page's token.</summary>
    public async Task<HttpResponseMessage> Post(string page, string form, params (string Name, string Value)[] fields)
    {
        var token = Token(await Page(page));
        return await Send(HttpMethod.Post, page, new FormUrlEncodedContent([new("_handler", form), new("__RequestVerificationToken", token), .. fields.Select(field => KeyValuePair.Create(field.Name, field.Value))]));
    }

    /// <summary>Sends JSON; a browser with the token of a page.</summary>
    public async Task<HttpResponseMessage> Json(HttpMethod method, string path, object? body = null, string? raw = null)
    {
        var token = Key is null && method != HttpMethod.Get && IsSignedIn ? Token(await Page("/")) : null;
        return await Send(method, path, raw is null ? body is null ? null : JsonContent.Create(body) : new StringContent(raw, Encoding.UTF8, "application/json"), token);
    }

    public async Task<JsonElement> Ok(HttpMethod method, string path, object? body = null)
    {
        using var reply = await Json(method, path, body);
        var text = await reply.Content.ReadAsStringAsync();
        Assert.True(reply.IsSuccessStatusCode, $"{method} {path}: {(int)reply.StatusCode} {text}");
        return text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text);
    }

    public async Task<HttpResponseMessage> Send(HttpMethod method, string path, HttpContent? content = null, string? token = null)
    {
        var request = new HttpRequestMessage(method, path) { Content = content };
        if (Key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        if (Language is not null)
            request.Headers.AcceptLanguage.ParseAdd(Language);
        foreach (var (name, value) in Headers)
            request.Headers.TryAddWithoutValidation(name, value);
        if (token is not null)
            request.Headers.Add("RequestVerificationToken", token);
        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead); // a stream of events has no end
    }

    public static string Token(string page) => Regex.Match(page, "__RequestVerificationToken\" value=\"([^\"]+)").Groups[1].Value;

    public void Dispose() => _http.Dispose();
}
