using System.Collections.Concurrent;
using System.Diagnostics;
using Attune.Feedback;
using Attune.Storage.Leases;
using Attune.Storage.People;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Work;
using Attune.Torch;

namespace Attune.Storage.Tests.Leases;

/// <summary>Hundreds of annotators at once who dawdle, vanish, send twice and change their minds: what §leases promises holds at every moment.</summary>
public sealed class SimulationTests
{
    private const int People = 200, Tasks = 100, Overlap = 3;

    [Theory, OnSqlite, OnPostgres]
    public async Task On_a_clock_that_jumps_nothing_is_lost_and_the_overlap_holds(DatabaseKind kind) => await Run(kind, isReal: false);

    [Theory, OnSqlite, OnPostgres]
    public async Task On_a_clock_that_runs_nothing_is_lost_and_the_overlap_holds(DatabaseKind kind) => await Run(kind, isReal: true);

    private static async Task Run(DatabaseKind kind, bool isReal)
    {
        await using var test = await TestDatabase.Open(kind, isReal ? new FastClock() : null);
        var (project, people) = await test.Project(People, new() { Overlap = Overlap, MaximumOverlap = Overlap, LeaseMinutes = 1, OpenTasks = 3 });
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(Tasks), null);
        var simulation = new Simulation(test, project, isReal);

        using var end = new CancellationTokenSource();
        var watch = simulation.Watch(end.Token);
        await Task.WhenAll(people.Select((person, i) => Task.Run(() => simulation.Annotate(person, new Seed(5).For(i)))));
        await end.CancelAsync();
        var looks = await watch;

        Assert.True(looks > 5, $"the overlap was looked at {looks} times");
        await simulation.Check(people);
    }

    private sealed class Simulation(TestDatabase test, Project project, bool isReal)
    {
        private readonly Database _database = test.Database;
        private readonly ConcurrentDictionary<string, string> _acknowledged = new(); // judgment → its lease
        private readonly ConcurrentDictionary<string, int> _given = new();
        private readonly long _began = Stopwatch.GetTimestamp();
        private volatile bool _isDone;

        public async Task Annotate(Person person, Seed seed)
        {
            var left = new List<string>(); // leases that this person has walked away from
            for (var step = 0; !_isDone; step++)
            {
                Assert.True(Stopwatch.GetElapsedTime(_began).TotalSeconds < 240, "no progress to the end");
                var draw = seed.Uniform(step);
                var next = await Maybe(person, left, aborts: draw is > 0.95);
                if (next is not { Lease: { } lease })
                {
                    if (next?.Why == NothingReason.NoTask && await IsComplete())
                        return;
                    left.Clear();
                    await Pass(seconds: isReal ? 20 : 0.2);
                    continue;
                }
                _given.AddOrUpdate(person.Id, 1, (_, n) => n + 1);
                await Pass(seconds: seed.Uniform(step, 1));
                await Work(person, lease, left, draw, 1 + seed.Below(8, step, 2));
            }
        }

        public async Task<int> Watch(CancellationToken end)
        {
            var looks = 0;
            for (; !end.IsCancellationRequested; looks++)
            {
                var wrong = await _database.ReadAsync(transaction => transaction.QueryAsync<string>(
                    """
                    SELECT t.id FROM tasks t WHERE t.active + t.accepted > t.overlap
                        OR t.active <> (SELECT COUNT(*) FROM leases l WHERE l.task_id = t.id AND l.state = 'active')
                        OR t.accepted <> (SELECT COUNT(*) FROM leases l WHERE l.task_id = t.id AND l.state = 'submitted')
                    """), CancellationToken.None);
                Assert.Empty(wrong);
                await Task.Delay(20, CancellationToken.None);
            }
            return looks;
        }

        public async Task Check(IReadOnlyList<Person> people)
        {
            var log = await _database.Judgments.ReadAsync(project.Id, new());
            var inForce = await _database.Judgments.ReadAsync(project.Id, new(InForce: true));
            var once = log.CountBy(judgment => judgment.Id).ToDictionary();
            Assert.All(_acknowledged.Keys, id => Assert.Equal(1, once.GetValueOrDefault(id)));
            Assert.Equal(Tasks * Overlap, inForce.Count);
            Assert.All(inForce.GroupBy(judgment => judgment.ComparisonId), task =>
            {
                Assert.Equal(Overlap, task.Count());
                Assert.Equal(Overlap, task.Select(judgment => judgment.AnnotatorId).Distinct().Count()); // nobody twice
                Assert.InRange(task.Count(judgment => judgment.Order[0] == 0), 1, 2); // of three the sides are shown 1 and 2 times
            });
            Assert.All(log, judgment => Assert.Null(judgment.Fault()));
            var (again, starved) = await _database.ReadAsync(async transaction => (
                await transaction.CountAsync("SELECT COUNT(*) FROM (SELECT 1 AS one FROM leases WHERE state <> 'expired' GROUP BY task_id, person_id HAVING COUNT(*) > 1) AS twice"),
                await transaction.CountAsync("SELECT COUNT(*) FROM leases WHERE project_id = @Id AND state = 'active'", new { project.Id })));
            Assert.Equal((0, 0), (again, starved));
            Assert.All(people, person => Assert.True(_given.ContainsKey(person.Id), $"{person.Pseudonym} was given nothing"));
            Assert.Contains(log, judgment => judgment.Late);
            Assert.Contains(log, judgment => judgment.Outcome == Outcome.Withdrawn);
        }

        /// <summary>Asks for a task; sometimes the reply gets lost on the way.</summary>
        private async Task<NextTask?> Maybe(Person person, List<string> left, bool aborts)
        {
            var asked = _database.Leases.NextAsync(project.Id, person.Id, new() { Known = left.ToArray() });
            if (!aborts)
                return await asked;
            await asked;
            return await _database.Leases.NextAsync(project.Id, person.Id, new() { Known = left.ToArray() });
        }

        private async Task Work(Person person, GrantedLease lease, List<string> left, double draw, int step)
        {
            var answer = lease.Answer(PreferenceScale.Eight, step);
            switch (draw)
            {
                case < 0.05: // walks away
                    left.Add(lease.Lease.Id);
                    return;
                case < 0.10: // comes back too late
                    await Pass(seconds: isReal ? 61 : 400); // twenty seconds of the clock that stands: others come late by it too, but not all at once
                    await Submit(person, lease, answer);
                    return;
                case < 0.15:
                    await _database.Leases.ReleaseAsync(lease.Token, "skipped");
                    return;
                case < 0.25: // presses twice
                    await Task.WhenAll(Submit(person, lease, answer), Submit(person, lease, answer));
                    return;
                case < 0.30: // changes their mind
                    await Submit(person, lease, answer);
                    if (await _database.Leases.UndoAsync(lease.Lease.Id, person.Id) is UndoResult.Undone undone)
                        await Submit(person, undone.Lease, answer with { Comment = "on second thoughts" });
                    return;
                case < 0.35:
                    await _database.Leases.HeartbeatAsync(lease.Token);
                    break;
                case < 0.40: // gives up before the call has begun, or after
                    using (var abort = new CancellationTokenSource())
                    {
                        var sent = _database.Leases.SubmitAsync(lease.Token, person.Id, answer, abort.Token);
                        await abort.CancelAsync();
                        await Task.WhenAny(sent);
                    }
                    break;
            }
            await Submit(person, lease, answer);
        }

        private async Task Submit(Person person, GrantedLease lease, Judgment answer)
        {
            var accepted = Assert.IsType<SubmitResult.Accepted>(await _database.Leases.SubmitAsync(lease.Token, person.Id, answer));
            _acknowledged[accepted.Judgment.Id] = lease.Lease.Id;
        }

        private async Task<bool> IsComplete()
        {
            var progress = await _database.Tasks.ProgressAsync(project.Id);
            return _isDone = progress.Complete == Tasks;
        }

        /// <summary>Lets time pass; on a clock that stands, which all of them move, it is waited for but a moment.</summary>
        private async Task Pass(double seconds)
        {
            if (!isReal)
                test.Clock.Advance(TimeSpan.FromSeconds(seconds / 20));
            await Task.Delay(TimeSpan.FromSeconds(isReal ? seconds / FastClock.Speed : 0.05));
        }
    }
}
