using System.Diagnostics;
using System.Globalization;
using Attune.Feedback;
using Attune.Storage.Leases;
using Attune.Storage.People;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Work;

namespace Attune.Storage.Tests;

/// <summary>
/// The test project as a program. <c>submit URL PROJECT</c> answers tasks of a database until it is killed, and says on standard output which answers were
/// acknowledged; <c>throughput sqlite|postgres CALLERS SECONDS</c> measures "submit and next".
/// </summary>
internal static class AnnotatorProcess
{
    private const int Callers = 8;

    public static async Task<int> Main(string[] args)
    {
        switch (args)
        {
            case ["submit", var url, var project]:
                await Submit(url, project);
                return 0;
            case ["throughput", var engine, var callers, var seconds]:
                await Throughput(engine, int.Parse(callers), double.Parse(seconds));
                return 0;
            default:
                return 2;
        }
    }

    public static Process Start(params string[] args)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(AnnotatorProcess).Assembly.Location, .. args]) { RedirectStandardOutput = true, RedirectStandardError = true };
        return Process.Start(start)!;
    }

    private static async Task Submit(string url, string projectId)
    {
        await using var database = await Database.OpenAsync(url);
        var people = (await database.Projects.MembersAsync(projectId, new() { Size = 200 })).Items;
        await using var output = OpenOutput();
        var gate = new Lock();
        await Task.WhenAll(people.Take(Callers).Select(member => Task.Run(async () =>
        {
            while ((await database.Leases.NextAsync(projectId, member.PersonId)).Lease is { } lease)
            {
                if (await database.Leases.SubmitAsync(lease.Token, member.PersonId, lease.Answer(Outcome.Choice, 1, 2) with { Comment = lease.Lease.Id }) is not SubmitResult.Accepted accepted)
                    throw new InvalidOperationException("An answer was not taken.");
                lock (gate)
                {
                    output.WriteLine(accepted.Judgment.Id); // only now is it acknowledged
                    output.Flush();
                }
            }
        })));
    }

    private static async Task Throughput(string engine, int callers, double seconds)
    {
        var folder = Directory.CreateTempSubdirectory("attune-throughput-");
        var server = engine == "postgres" ? new PostgresServer(durable: true) : null;
        await using (var database = await Database.OpenAsync(server?.NewDatabase() ?? Path.Combine(folder.FullName, "attune.db")))
        {
            var project = await database.Projects.CreateAsync("Throughput", new() { Overlap = 3, MaximumOverlap = 3 }, null, seed: 1);
            await database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(50_000), null);
            var people = new List<Person>();
            for (var i = 0; i < callers; i++)
            {
                people.Add(await database.People.CreateAsync(new() { DisplayName = $"Person {i}" }, null));
                await database.Projects.SetMemberAsync(project.Id, people[i].Id, Role.Annotator, null);
            }
            var (began, times) = (Stopwatch.GetTimestamp(), new List<double>[callers]);
            await Task.WhenAll(people.Select((person, i) => Task.Run(async () =>
            {
                times[i] = [];
                var lease = (await database.Leases.NextAsync(project.Id, person.Id)).Lease!;
                while (Stopwatch.GetElapsedTime(began).TotalSeconds < seconds)
                {
                    var at = Stopwatch.GetTimestamp();
                    lease = (await database.Leases.SubmitAndNextAsync(lease.Token, person.Id, lease.Answer(Outcome.Choice, 1, 2))).Next!.Lease!;
                    times[i].Add(Stopwatch.GetElapsedTime(at).TotalMilliseconds);
                }
            })));
            var all = times.SelectMany(own => own).Order().ToArray();
            await using var output = OpenOutput();
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                $"{engine}: {all.Length / Stopwatch.GetElapsedTime(began).TotalSeconds:f0} a second with {callers} callers; median {all[all.Length / 2]:f1} ms, 95th percentile {all[all.Length * 95 / 100]:f1} ms"));
        }
        server?.Stop();
        folder.Delete(recursive: true);
    }

    private static StreamWriter OpenOutput() => new(new FileStream("/dev/stdout", FileMode.Append, FileAccess.Write, FileShare.ReadWrite));
}
