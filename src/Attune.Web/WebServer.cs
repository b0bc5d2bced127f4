using System.Net;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.People;
using Attune.Web.Access;
using Attune.Web.Api;
using Attune.Web.Arena;
using Attune.Web.Chat;
using Attune.Web.Live;
using Attune.Web.RunView;
using Attune.Web.Texts;
using Attune.Web.Webhooks;
using Attune.Web.Work;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Attune.Web;

/// <summary>
/// The web application over one database: pages for people, an HTTP API for programs. It keeps nothing of its own, so it can be stopped at any moment,
/// and several can serve one PostgreSQL database.
/// </summary>
public static class WebServer
{
    /// <summary>The largest body of a request, in bytes; imports are larger and say so themselves.</summary>
    public const long LargestBody = 1 << 20;

    /// <summary>Builds the application; the caller runs and disposes it. The database stays the caller's.</summary>
    /// <param name="database">Where everything is kept.</param>
    /// <param name="options">How it is served.</param>
    /// <param name="configure">More services, for tests.</param>
    /// <exception cref="InputException">The options cannot be served, or it would be reachable from outside without anyone to sign in.</exception>
    public static async Task<WebApplication> BuildAsync(Database database, WebOptions options, Action<WebApplicationBuilder>? configure = null)
    {
        options.ThrowIfBad();
        if (!options.IsLoopback && !await HasOwnerAsync(database).ConfigureAwait(false))
        {
            throw InputException.One("attune annotate", $"would listen on {options.Listen}, which other machines reach, while nobody can sign in", "an owner with a password",
                "start it without --listen first, open the link that it prints, and choose a password");
        }
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls(options.Listen);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Configure(new ConfigurationBuilder().Build()); // no file or variable makes it listen elsewhere than the options say: they were checked
            kestrel.Limits.MaxRequestBodySize = LargestBody;
        });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error); // that form keys lie in the database as they are is known
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning); // addresses of requests hold tokens of invitations and resets, other services say what they like: neither is in a log, whatever level is asked for
        AddServices(builder.Services, database, options);
        configure?.Invoke(builder);
        var app = builder.Build();
        Use(app, options);
        return app;
    }

    /// <summary>Whether an owner has a password to sign in with.</summary>
    public static async Task<bool> HasOwnerAsync(Database database) => await database.ReadAsync(transaction => transaction.CountAsync(
        "SELECT COUNT(*) FROM people p JOIN identities i ON i.person_id = p.id WHERE p.role = 'owner' AND p.state = 'active' AND i.password_hash IS NOT NULL")).ConfigureAwait(false) > 0;

    private static void AddServices(IServiceCollection services, Database database, WebOptions options)
    {
        services.AddSingleton(database).AddSingleton(options);
        services.AddSingleton<IPasswordHasher<Person>, PasswordHasher<Person>>();
        services.AddSingleton<SignIn>().AddSingleton<GuessLock>();
        services.AddSingleton<ChatDesk>();
        services.AddSingleton<ArenaDesk>();
        services.AddSingleton<QualityService>().AddHostedService(provider => provider.GetRequiredService<QualityService>());
        services.AddSingleton<MetricsService>().AddSingleton<EventStreams>().AddSingleton<RunLibrary>();
        services.AddSingleton<WebhookSender>().AddHostedService(provider => provider.GetRequiredService<WebhookSender>());
        services.AddDataProtection().SetApplicationName("Attune");
        services.Configure<KeyManagementOptions>(keys => keys.XmlRepository = new KeyRing(database));
        services.AddHttpContextAccessor();
        services.AddScoped<Wording>().AddScoped<Visitor>();
        services.AddAuthentication(SessionHandler.Scheme).AddScheme<SessionSchemeOptions, SessionHandler>(SessionHandler.Scheme, null).AddOAuthSignIn(options.OAuth);
        services.AddAuthorization(Policies.Add);
        services.AddAntiforgery(antiforgery =>
        {
            antiforgery.Cookie.Name = "attune-form";
            antiforgery.Cookie.SameSite = SameSiteMode.Strict;
            antiforgery.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            antiforgery.SuppressXFrameOptionsHeader = true; // the content policy says the same, for every page
        });
        services.AddRequestLimits(options);
        services.AddApiDescription();
        services.AddRazorComponents();
        services.ConfigureHttpJsonOptions(json => BodyJson.Configure(json.SerializerOptions));
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true); // so that Failures can say what is wrong
    }

    private static void Use(WebApplication app, WebOptions options)
    {
        if (options.Proxies.Count > 0)
        {
            var forwarded = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto };
            forwarded.KnownProxies.Clear();
            forwarded.KnownIPNetworks.Clear(); // the framework's own list believes every program of this machine
            foreach (var proxy in options.Proxies)
                forwarded.KnownProxies.Add(IPAddress.Parse(proxy));
            app.UseForwardedHeaders(forwarded);
        }
        app.UseSecurityHeaders();
        app.UseExceptionHandler(Failures.Options);
        app.UseStatusCodePages(Failures.Explain);
        app.UseAuthentication();
        app.UseRateLimiter();
        app.UseAuthorization();
        app.UseAntiforgery();
        app.MapAssets();
        app.MapSignOut();
        app.MapLanguageChoice();
        app.MapOAuthSignIn(options.OAuth);
        app.MapApi();
        app.MapRazorComponents<Pages.App>();
    }
}
