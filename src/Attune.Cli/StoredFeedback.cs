using System.ComponentModel;
using System.Diagnostics;
using Attune.Cli.Verbs;
using Attune.Feedback;
using Attune.Loop;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.Training;
using Attune.Web.Work;

namespace Attune.Cli;

/// <summary>A quick start's judgments in a database of its folder; a person judges in a browser, over the web application in this process.</summary>
internal sealed class StoredFeedback : IQuickstartFeedback
{
    private const string Instructions =
        """
        You see the beginning of a film review and two ways to go on. **Choose the one that you would rather read**: judge the whole, not its length, and go by your own taste.
        A model learns from nothing but what you say here.

        Where both are as good, choose the side that is a little better all the same; where you cannot tell at all, say so.
        """;

    private static readonly string[] Displays = ["DISPLAY", "WAYLAND_DISPLAY"];
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2); // for the page to say that nothing is left, or for a change of mind

    public IReadOnlyList<Judgment> Keep(string database, FeedbackRound round, IReadOnlyList<Judgment> judgments) => DbVerb.Run(async () =>
    {
        await using var open = await Database.OpenAsync(database);
        await RoundStore.KeepAsync(open, round, judgments);
        return await RoundStore.ReadAsync(open, round);
    });

    public bool Ask(string database, FeedbackRound round, IReadOnlyList<Comparison> asked, IProgressSink progress, CancellationToken stop) => DbVerb.Run(async () =>
    {
        await using var open = await Database.OpenAsync(database, null, CancellationToken.None);
        var (project, batch, person) = await RoundStore.AskAsync(open, round, asked, CrowdFeedback.Person, Instructions, CancellationToken.None);
        var (left, all) = await RoundStore.LeftAsync(open, batch.Id, person, CancellationToken.None);
        if (left == 0)
            return true;
        await using var site = await OnePersonSite.StartAsync(open, project.Id, person, CancellationToken.None);
        progress.Say($"   Open this once, on this machine, and judge{(left < all ? $" the {left} pairs that are left" : $" {all} pairs")}:\n   {site.Link}");
        OpenBrowser(site.Link);
        var meter = new ProgressMeter(progress, "your judgments", all, "pairs", TimeProvider.System) { Start = all - left };
        while (left > 0)
        {
            try
            {
                await Task.Delay(Look, stop);
                (left, all) = await RoundStore.LeftAsync(open, batch.Id, person, stop);
                meter.Advance(all - left);
                if (left > 0)
                    continue;
                await Task.Delay(Farewell, stop);
                (left, all) = await RoundStore.LeftAsync(open, batch.Id, person, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return false;
            }
        }
        return true;
    });

    /// <summary>Shows the page where somebody sits before a screen; the link is printed in any case.</summary>
    private static void OpenBrowser(string link)
    {
        var hasDisplay = Displays.Any(name => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name)));
        if (!hasDisplay)
            return;
        try
        {
            using var browser = Process.Start(new ProcessStartInfo("xdg-open") { ArgumentList = { link }, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false });
        }
        catch (Win32Exception)
        {
            // no such program: the link is printed
        }
    }
}
