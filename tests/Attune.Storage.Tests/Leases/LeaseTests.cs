using Attune.Feedback;
using Attune.Storage.Leases;
using Attune.Storage.People;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Work;

namespace Attune.Storage.Tests.Leases;

public sealed class LeaseTests
{
    private static readonly TimeSpan Lapse = TimeSpan.FromMinutes(31); // a lease of 30 minutes has run out

    [Theory, OnSqlite, OnPostgres]
    public async Task A_task_goes_to_as_many_people_as_its_overlap_and_to_no_one_twice(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(3);
        await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair()], null);

        var first = await Next(test, project, people[0]);
        var second = await Next(test, project, people[1]);
        var third = await test.Database.Leases.NextAsync(project.Id, people[2].Id);
        await Submit(test, first!);
        var again = await test.Database.Leases.NextAsync(project.Id, people[0].Id);

        Assert.NotEqual(first!.Lease.Seat, second!.Lease.Seat);
        Assert.Equal(first.Lease.Order.Reverse(), second.Lease.Order); // two answers, two orders
        Assert.Equal((null, NothingReason.NoTask), (third.Lease, third.Why));
        Assert.Equal((null, NothingReason.NoTask), (again.Lease, again.Why));
        Assert.Equal(1, first.Lease.InstructionVersion);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task An_answer_sent_twice_is_one_and_another_one_is_a_conflict(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(2);
        await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair()], null);
        var lease = (await Next(test, project, people[0]))!;
        var answer = lease.Answer(PreferenceScale.Eight, 2) with { Seconds = 5 };

        var first = Assert.IsType<SubmitResult.Accepted>(await test.Database.Leases.SubmitAsync(lease.Token, people[0].Id, answer));
        var second = Assert.IsType<SubmitResult.Accepted>(await test.Database.Leases.SubmitAsync(lease.Token, people[0].Id, answer with { Seconds = 9 }));
        var other = Assert.IsType<SubmitResult.Conflict>(await test.Database.Leases.SubmitAsync(lease.Token, people[0].Id, lease.Answer(PreferenceScale.Eight, 7)));

        Assert.Equal((false, true), (first.IsRepeat, second.IsRepeat));
        Assert.Equal(first.Judgment.ToJson(), second.Judgment.ToJson());
        Assert.Equal(first.Judgment.Id, other.Existing.Id);
        Assert.Equal([first.Judgment.ToJson()], (await test.Database.Judgments.ReadAsync(project.Id, new())).Select(judgment => judgment.ToJson()));
        Assert.Equal((people[0].Pseudonym, "1", JudgmentSource.Human, 3, 2), (first.Judgment.AnnotatorId, first.Judgment.InstructionVersion, first.Judgment.Source, first.Judgment.Strength, first.Judgment.Step));
        Assert.IsType<SubmitResult.Unknown>(await test.Database.Leases.SubmitAsync(lease.Token, people[1].Id, answer)); // somebody else's token
        Assert.IsType<SubmitResult.Unknown>(await test.Database.Leases.SubmitAsync("made-up", people[0].Id, answer));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task What_runs_out_goes_to_somebody_else_and_a_late_answer_is_kept_and_marked(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(2, new() { Overlap = 1, MaximumOverlap = 1 });
        var id = Assert.Single(await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair()], null));
        var late = (await Next(test, project, people[0]))!;
        test.Clock.Advance(Lapse);

        Assert.Null(await test.Database.Leases.HeartbeatAsync(late.Token));
        var lease = (await Next(test, project, people[1]))!;
        var kept = Assert.IsType<SubmitResult.Accepted>(await test.Database.Leases.SubmitAsync(late.Token, people[0].Id, late.Answer(Outcome.Choice, 1, 2)));
        await Submit(test, lease);

        Assert.True(kept.Judgment.Late);
        Assert.Equal(2, (await test.Database.Judgments.ReadAsync(project.Id, new())).Count);
        Assert.Equal(people[1].Pseudonym, Assert.Single(await test.Database.Judgments.ReadAsync(project.Id, new(InForce: true))).AnnotatorId);
        var task = (await test.Database.Tasks.FindAsync(id))!;
        Assert.Equal((TaskState.Complete, 0, 1, 1), (task.State, task.Active, task.Accepted, task.Overlap));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_heartbeat_keeps_a_lease_and_giving_back_frees_its_place(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(2, new() { Overlap = 1, MaximumOverlap = 1 });
        await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair()], null);
        var lease = (await Next(test, project, people[0]))!;
        test.Clock.Advance(TimeSpan.FromMinutes(20));

        Assert.Equal(test.Clock.GetUtcNow().AddMinutes(30), await test.Database.Leases.HeartbeatAsync(lease.Token));
        test.Clock.Advance(TimeSpan.FromMinutes(20));
        Assert.Null(await Next(test, project, people[1]));
        Assert.True(await test.Database.Leases.ReleaseAsync(lease.Token, "broken: no image"));
        Assert.False(await test.Database.Leases.ReleaseAsync(lease.Token, "again"));

        Assert.Null(await Next(test, project, people[0])); // who gave it back is not asked again
        Assert.NotNull(await Next(test, project, people[1]));
        Assert.Equal("broken: no image", (await test.Database.Leases.FindAsync(lease.Lease.Id))!.Reason);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_lost_reply_or_a_reload_gives_the_same_lease_again(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1, new() { OpenTasks = 2 });
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(5), null);

        var first = (await Next(test, project, people[0]))!;
        var same = (await Next(test, project, people[0]))!;
        var other = (await test.Database.Leases.NextAsync(project.Id, people[0].Id, new() { Known = [first.Lease.Id] })).Lease!;
        var none = await test.Database.Leases.NextAsync(project.Id, people[0].Id, new() { Known = [first.Lease.Id, other.Lease.Id] });

        Assert.Equal((first.Lease.Id, first.Token), (same.Lease.Id, same.Token));
        Assert.NotEqual(first.Task.Id, other.Task.Id);
        Assert.Equal(NothingReason.TooManyOpen, none.Why);
        Assert.Equal(first.Lease.Id, (await test.Database.Leases.FindByTokenAsync(first.Token))!.Lease.Id);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Undo_within_the_window_keeps_the_history_and_takes_another_answer(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1, new() { Overlap = 1, MaximumOverlap = 1, UndoMinutes = 5 });
        var id = Assert.Single(await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair()], null));
        var lease = (await Next(test, project, people[0]))!;
        var first = Assert.IsType<SubmitResult.Accepted>(await Submit(test, lease)).Judgment;
        test.Clock.Advance(TimeSpan.FromMinutes(4));

        var undone = Assert.IsType<UndoResult.Undone>(await test.Database.Leases.UndoAsync(lease.Lease.Id, people[0].Id));
        var between = (await test.Database.Tasks.FindAsync(id))!;
        var second = Assert.IsType<SubmitResult.Accepted>(await test.Database.Leases.SubmitAsync(undone.Lease.Token, people[0].Id, lease.Answer(Outcome.Tie, 1, 1))).Judgment;
        test.Clock.Advance(TimeSpan.FromMinutes(6));

        Assert.Equal((first.Id, lease.Token), (undone.Before.Id, undone.Lease.Token));
        Assert.Equal((TaskState.Open, 1, 0), (between.State, between.Active, between.Accepted));
        var log = await test.Database.Judgments.ReadAsync(project.Id, new());
        Assert.Equal([Outcome.Choice, Outcome.Withdrawn, Outcome.Tie], log.Select(judgment => judgment.Outcome));
        Assert.Equal([null, log[0].Id, log[1].Id], log.Select(judgment => judgment.Supersedes));
        Assert.Equal(second.Id, Assert.Single(await test.Database.Judgments.ReadAsync(project.Id, new(InForce: true))).Id);
        Assert.Equal(second.Id, Assert.Single(JudgmentLog.InForce(log)).Id);
        Assert.IsType<UndoResult.TooLate>(await test.Database.Leases.UndoAsync(lease.Lease.Id, people[0].Id));
        Assert.Equal(TaskState.Complete, (await test.Database.Tasks.FindAsync(id))!.State);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Priority_comes_first_then_what_misses_fewest_then_each_persons_own_order(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(6, new() { Overlap = 2, MaximumOverlap = 2 });
        await test.Database.Tasks.AddAsync(project.Id, [.. TestDatabase.Pairs(40), TestDatabase.Pair("urgent") with { Priority = 1 }], null);

        Assert.Equal("urgent", (await Next(test, project, people[0]))!.Task.Id);
        Assert.Equal("urgent", (await Next(test, project, people[1]))!.Task.Id);
        var begun = (await Next(test, project, people[2]))!.Task.Id;
        Assert.Equal(begun, (await Next(test, project, people[3]))!.Task.Id); // one answer is missing, of the others two
        var (fifth, sixth) = ((await Next(test, project, people[4]))!, await Next(test, project, people[5]));
        Assert.Equal(fifth.Task.Id, sixth!.Task.Id);

        var starts = new HashSet<string>();
        foreach (var person in people)
        {
            var own = (await test.Database.Leases.RecentAsync(project.Id, person.Id, 1))[0];
            await test.Database.Leases.ReleaseAsync((await Next(test, project, person))!.Token, null);
            starts.Add(own.TaskId);
        }
        Assert.Equal(3, starts.Count);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Skill_language_authorship_and_standing_decide_who_is_given_what(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(2);
        var person = people[0];
        await test.Database.Tasks.AddAsync(project.Id,
        [
            TestDatabase.Pair("skilled") with { RequiredSkill = "medicine", RequiredLevel = 0.5 },
            TestDatabase.Pair("german") with { Language = "de" },
            TestDatabase.Pair("own") with { AuthorIds = [person.Id] },
        ], null);

        Assert.Equal(NothingReason.NoTask, (await test.Database.Leases.NextAsync(project.Id, person.Id)).Why);
        await test.Database.People.SetSkillAsync(person.Id, "medicine", 0.4, null);
        Assert.Null(await Next(test, project, person));
        await test.Database.People.SetSkillAsync(person.Id, "medicine", 0.5, null);
        Assert.Equal("skilled", await NextAndSubmit(test, project, person));
        await test.Database.People.SetLanguagesAsync(person.Id, ["en", "de"]);
        Assert.Equal("german", await NextAndSubmit(test, project, person));
        Assert.Null(await Next(test, project, person));
        Assert.Equal("own", (await Next(test, project, people[1]))!.Task.Id);

        await test.Database.Projects.SetMemberStateAsync(project.Id, people[1].Id, MemberState.Banned, test.Clock.GetUtcNow().AddHours(1), null);
        Assert.Equal(NothingReason.NotAllowed, (await test.Database.Leases.NextAsync(project.Id, people[1].Id)).Why);
        test.Clock.Advance(TimeSpan.FromHours(2));
        Assert.NotEqual(NothingReason.NotAllowed, (await test.Database.Leases.NextAsync(project.Id, people[1].Id)).Why);
        await test.Database.Projects.SetMemberAsync(project.Id, people[1].Id, Role.Viewer, null);
        Assert.Equal(NothingReason.NotAllowed, (await test.Database.Leases.NextAsync(project.Id, people[1].Id)).Why);
        await test.Database.Projects.SetStateAsync(project.Id, ProjectState.Paused, null);
        Assert.Equal(NothingReason.ProjectClosed, (await test.Database.Leases.NextAsync(project.Id, person.Id)).Why);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_daily_limit_holds_until_midnight_of_utc(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1, new() { DailyLimit = 2 });
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(5), null);

        await NextAndSubmit(test, project, people[0]);
        await NextAndSubmit(test, project, people[0]);
        Assert.Equal(NothingReason.DailyLimit, (await test.Database.Leases.NextAsync(project.Id, people[0].Id)).Why);
        test.Clock.Advance(TimeSpan.FromHours(12)); // the clock begins at noon
        Assert.NotNull(await Next(test, project, people[0]));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_group_stays_together_and_a_batch_gives_out_only_when_open(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1, new() { Overlap = 1, MaximumOverlap = 1 });
        var batch = await test.Database.Batches.CreateAsync(project.Id, "week 1", "{}", null);
        await test.Database.Tasks.AddAsync(project.Id,
        [
            .. Enumerable.Range(1, 6).Select(place => TestDatabase.Pair($"g-{place}") with { GroupId = "g", Place = place, GroupSize = 6, BatchId = batch.Id }),
            .. TestDatabase.Pairs(20).Select(task => task with { BatchId = batch.Id }),
            TestDatabase.Pair("calibration") with { BatchId = batch.Id, Purpose = TaskPurpose.Calibration },
        ], null);

        Assert.Null(await Next(test, project, people[0]));
        await test.Database.Batches.SetStateAsync(batch.Id, BatchState.Calibrating, null);
        Assert.Equal("calibration", await NextAndSubmit(test, project, people[0]));
        Assert.Null(await Next(test, project, people[0]));
        await test.Database.Batches.SetStateAsync(batch.Id, BatchState.Open, null);
        var order = new List<string>();
        while (await NextAndSubmit(test, project, people[0]) is { } task)
            order.Add(task);

        Assert.Equal(26, order.Count);
        var began = order.FindIndex(task => task.StartsWith("g-", StringComparison.Ordinal));
        Assert.Equal(6, order.Skip(began).Take(6).Count(task => task.StartsWith("g-", StringComparison.Ordinal))); // one after the other
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_task_waits_for_what_another_one_came_to(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1, new() { Kind = TaskKind.Question, Overlap = 1, MaximumOverlap = 1 });
        var question = new NewTask { Id = "is-safe", Payload = """{"questions":[{"id":"safe","text":"Is it safe?","type":"yes-no"}]}""", Choices = 0 };
        await test.Database.Tasks.AddAsync(project.Id, [question, question with { Id = "why-not", DependsOn = "is-safe", DependsAnswer = "no" }, question with { Id = "how", DependsOn = "is-safe", DependsAnswer = "yes" }], null);

        var lease = (await Next(test, project, people[0]))!;
        Assert.Equal("is-safe", lease.Task.Id);
        var answer = lease.Answer(Outcome.Answered) with { Answers = new Dictionary<string, string> { ["safe"] = "no" } };
        Assert.IsType<SubmitResult.Accepted>(await test.Database.Leases.SubmitAsync(lease.Token, null, answer));

        Assert.Equal("why-not", (await Next(test, project, people[0]))!.Task.Id);
        Assert.Equal(TaskState.Withdrawn, (await test.Database.Tasks.FindAsync("how"))!.State);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Raising_the_overlap_opens_a_task_again_up_to_its_maximum(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(3, new() { Overlap = 1, MaximumOverlap = 2 });
        var id = Assert.Single(await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair()], null));
        await NextAndSubmit(test, project, people[0]);
        Assert.Null(await Next(test, project, people[1]));

        Assert.Equal(2, await test.Database.Tasks.SetOverlapAsync(id, 2, null));
        await NextAndSubmit(test, project, people[1]);
        Assert.Contains("at most 2", (await Assert.ThrowsAsync<Runs.InputException>(() => test.Database.Tasks.SetOverlapAsync(id, 3, null))).Message);
        Assert.Equal(2, await test.Database.Tasks.SetOverlapAsync(id, 1, null)); // not below what is there

        Assert.Equal(TaskState.Complete, (await test.Database.Tasks.FindAsync(id))!.State);
        Assert.Equal(3, await test.Database.Tasks.SetOverlapAsync(id, 3, null, beyondMaximum: true));
        Assert.Equal(id, await NextAndSubmit(test, project, people[2]));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task An_answer_that_does_not_fit_is_refused_and_the_lease_runs_on(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1);
        await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair()], null);
        var lease = (await Next(test, project, people[0]))!;

        Assert.Contains("no Choice", Assert.IsType<SubmitResult.Refused>(await test.Database.Leases.SubmitAsync(lease.Token, null, lease.Answer(Outcome.Choice, 1, 1))).Fault);
        Assert.Contains("compares", Assert.IsType<SubmitResult.Refused>(await test.Database.Leases.SubmitAsync(lease.Token, null, lease.Answer(Outcome.Written) with { Text = "x" })).Fault);
        Assert.IsType<SubmitResult.Refused>(await test.Database.Leases.SubmitAsync(lease.Token, null, lease.Answer(Outcome.Withdrawn) with { Supersedes = "x" }));
        Assert.IsType<SubmitResult.Accepted>(await test.Database.Leases.SubmitAsync(lease.Token, null, lease.Answer(Outcome.CannotJudge) with { Reason = "both in Latin" }));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_draft_is_its_owners_and_goes_with_the_answer(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(2);
        await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair()], null);
        var lease = (await Next(test, project, people[0]))!;

        Assert.True(await test.Database.Drafts.SaveAsync(lease.Lease.Id, people[0].Id, "half"));
        Assert.True(await test.Database.Drafts.SaveAsync(lease.Lease.Id, people[0].Id, "nearly"));
        Assert.False(await test.Database.Drafts.SaveAsync(lease.Lease.Id, people[1].Id, "mine"));
        Assert.Equal("nearly", (await test.Database.Drafts.FindAsync(lease.Lease.Id, people[0].Id))!.Content);
        Assert.Null(await test.Database.Drafts.FindAsync(lease.Lease.Id, people[1].Id));
        await Submit(test, lease);
        Assert.Null(await test.Database.Drafts.FindAsync(lease.Lease.Id, people[0].Id));
        Assert.False(await test.Database.Drafts.SaveAsync(lease.Lease.Id, people[0].Id, "too late"));
    }

    internal static async Task<GrantedLease?> Next(TestDatabase test, Project project, Person person) => (await test.Database.Leases.NextAsync(project.Id, person.Id)).Lease;

    internal static Task<SubmitResult> Submit(TestDatabase test, GrantedLease lease) => test.Database.Leases.SubmitAsync(lease.Token, lease.Lease.PersonId, lease.Answer(Outcome.Choice, 1, 2) with { Comment = "I like red." });

    internal static async Task<string?> NextAndSubmit(TestDatabase test, Project project, Person person)
    {
        if (await Next(test, project, person) is not { } lease)
            return null;
        Assert.IsType<SubmitResult.Accepted>(await Submit(test, lease));
        return lease.Task.Id;
    }
}
