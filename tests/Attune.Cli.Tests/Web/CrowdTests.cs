using Attune.Benchmarks.Web;
using Attune.Storage;
using Attune.Storage.Tests.Testing;

namespace Attune.Cli.Tests.Web;

/// <summary>The short version of what <c>./attune bench --web</c> proves at length.</summary>
public sealed class CrowdTests
{
    [Fact]
    public async Task Forty_annotators_over_http_lose_nothing_while_the_program_is_killed_three_times() => await Prove(DatabaseKind.Sqlite);

    [PostgresFact]
    public async Task Forty_annotators_over_http_lose_nothing_on_Postgres_either() => await Prove(DatabaseKind.Postgres);

    [Fact]
    public void Whoever_has_less_than_a_quarter_of_the_median_starves()
    {
        (string, int)[] Crowd(int least) => [("ann", 100), ("ben", 4000), ("cy", least), ("di", 90), ("ed", 110)];
        Assert.Empty(KillProof.Starved(Crowd(25)));
        Assert.Equal("cy starved: 24 answers, expected at least a quarter of the median of 100", Assert.Single(KillProof.Starved(Crowd(24))));
        Assert.Equal(["cy", "di"], KillProof.Starved([("cy", 0), ("di", 0), ("ed", 1)]).Select(fault => fault.Split(' ')[0])); // the median is 0 too
        Assert.Empty(KillProof.Starved([]));
    }

    private static async Task Prove(DatabaseKind kind)
    {
        var folder = Directory.CreateTempSubdirectory("attune-crowd-");
        var found = await KillProof.RunAsync(new()
        {
            Program = ["dotnet", Path.Combine(AppContext.BaseDirectory, "Attune.Cli.dll")],
            Url = kind == DatabaseKind.Sqlite ? Path.Combine(folder.FullName, "attune.db") : PostgresServer.Shared.NewDatabase(),
            Tasks = 400,
            Overlap = 3,
            Annotators = 40,
            Kills = 3,
            ThinkTime = TimeSpan.FromMilliseconds(50),
        });

        Assert.Empty(found.Faults);
        Assert.Equal(3, found.Kills);
        Assert.True(found.Looks > 5, $"the overlap was looked at {found.Looks} times");
        Assert.True(found.Run.Acknowledged.Count >= 400 * 3, $"{found.Run.Acknowledged.Count} judgments were acknowledged");
        folder.Delete(recursive: true);
    }
}
