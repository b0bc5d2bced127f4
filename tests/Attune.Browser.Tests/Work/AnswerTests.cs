using Attune.Feedback;
using Attune.Storage.Work;
using Microsoft.Playwright;

namespace Attune.Browser.Tests.Work;

/// <summary>Every kind of task answered by mouse and by keyboard alone, and what is in the log then.</summary>
[Collection(WorkSiteTests.Name)]
public sealed class AnswerTests(WorkSite site)
{
    [Fact]
    public async Task Who_is_not_signed_in_signs_in_and_is_at_the_task()
    {
        await using var worker = await site.SignInAsync(await site.ProjectAsync(new() { Overlap = 1, MaximumOverlap = 1 }));

        await worker.Press("1", "Enter");

        Assert.Equal(1, (await worker.Judgment()).Step);
        Assert.Empty(worker.Complaints);
    }

    [Theory]
    [InlineData(PreferenceScale.Three, 3, 1, null)]
    [InlineData(PreferenceScale.Eight, 2, 0, 3)] // A is better: the third of four strengths
    [InlineData(PreferenceScale.Eight, 8, 1, 4)]
    [InlineData(PreferenceScale.Nine, 4, 0, 1)]
    public async Task A_pair_is_answered_by_mouse(PreferenceScale scale, int step, int better, int? strength)
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Scale = scale, Overlap = 1, MaximumOverlap = 1 }));
        var shown = await worker.Shown();

        await worker.Page.Locator($"[name=step][value='{step}']").ClickAsync();
        await worker.Page.Locator(".note summary").Nth(1).ClickAsync();
        await worker.Page.Locator("[name=note-1]").FillAsync("Too short.");
        await worker.Page.Locator("[name=comment]").FillAsync("Both are about the film.");
        await worker.Page.Locator("[name=flag]").CheckAsync();
        await worker.Send();

        var judgment = await worker.Judgment();
        Assert.Equal((scale, step), (judgment.Scale!.Value, judgment.Step!.Value));
        Assert.Equal(shown, judgment.Order.Select(index => $"Answer {index} of prompt 0"));
        Assert.Equal(judgment.Order[better], judgment.Best);
        if (scale != PreferenceScale.Three)
            Assert.Equal(strength, judgment.Strength);
        Assert.Equal("Too short.", judgment.Notes![judgment.Order[1]]);
        Assert.Equal("", judgment.Notes[judgment.Order[0]]);
        Assert.Equal("Both are about the film.", judgment.Comment);
        Assert.Equal(["question-issue"], judgment.Flags);
        Assert.StartsWith("/assets/", judgment.InterfaceVersion);
        Assert.Empty(worker.Complaints);
    }

    [Theory]
    [InlineData(PreferenceScale.Three, 2)]
    [InlineData(PreferenceScale.Eight, 5)]
    [InlineData(PreferenceScale.Nine, 9)]
    public async Task A_pair_is_answered_by_keyboard_alone(PreferenceScale scale, int step)
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Scale = scale, Overlap = 1, MaximumOverlap = 1 }));

        await worker.Press($"{step}");
        await worker.TabTo("[name=comment]");
        await worker.Page.Keyboard.TypeAsync("2 and s are text here");
        await worker.Press("Control+Enter");

        var judgment = await worker.Judgment();
        Assert.Equal(step, judgment.Step);
        Assert.Equal("2 and s are text here", judgment.Comment);
        Assert.Equal(scale == PreferenceScale.Three ? null : judgment.Order[1], judgment.Best);
        await worker.Page.GetByText("Nothing is left for you").WaitForAsync();
    }

    [Theory]
    [InlineData("b", Outcome.BothBad)]
    [InlineData("c", Outcome.CannotJudge)]
    public async Task All_bad_and_cannot_judge_take_a_reason(string key, Outcome outcome)
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Overlap = 1, MaximumOverlap = 1 }));
        Assert.False(await worker.Page.Locator("[name=reason]").IsVisibleAsync());

        await worker.Press("3", key); // the later one holds
        await worker.TabTo("[name=reason]");
        await worker.Page.Keyboard.TypeAsync("Neither answers it.");
        await worker.Send();

        var judgment = await worker.Judgment();
        Assert.Equal((outcome, "Neither answers it.", null), (judgment.Outcome, judgment.Reason, judgment.Step));
    }

    [Fact]
    public async Task Nothing_chosen_is_not_sent()
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Overlap = 1, MaximumOverlap = 1 }));

        await worker.Send();

        await worker.Page.GetByText("Choose something first.").WaitForAsync();
        Assert.Empty(await worker.Log(0));
    }

    [Fact]
    public async Task Answers_are_ranked_by_dragging_with_level_ones()
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Kind = TaskKind.Rank, Overlap = 1, MaximumOverlap = 1 }, answers: 4));

        await Drag(worker.Page, 2, "[data-gap='0']"); // C
        await Drag(worker.Page, 0, "[data-gap='1']"); // C, A
        await Drag(worker.Page, 3, "[data-level='0']"); // C D, A
        await Drag(worker.Page, 1, "[data-gap='0']"); // B, C D, A
        await Browser.Picture(worker.Page, "work-rank-placed.png");
        Assert.Equal(["3", "1", "2", "2"], await worker.Page.Locator("[data-rank]").EvaluateAllAsync<string[]>("fields => fields.map(field => field.value)"));
        await worker.Send();

        var judgment = await worker.Judgment();
        Assert.Equal(Outcome.Ranking, judgment.Outcome);
        Assert.Equal([4, 1, 2, 2], judgment.Order.Select(index => judgment.Ranks[index]));
        Assert.Empty(worker.Complaints);
    }

    [Fact]
    public async Task Answers_are_ranked_by_keyboard_alone_and_one_may_be_left_out()
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Kind = TaskKind.Rank, Overlap = 1, MaximumOverlap = 1 }, answers: 4));

        await worker.Press("r", "Enter"); // A: 1
        await worker.TabTo("[data-chip='1']");
        await worker.Press("ArrowUp", "ArrowUp", "ArrowUp"); // below A, level with it, above it
        await worker.TabTo("[data-chip='2']");
        await worker.Press("2"); // level with A
        await worker.TabTo("[data-chip='3']");
        await worker.Press("ArrowUp", "Delete"); // in, and out again
        await worker.TabTo(".send .primary");
        await worker.Press("Enter");

        var judgment = await worker.Judgment();
        Assert.Equal([2, 1, 2, 0], judgment.Order.Select(index => judgment.Ranks[index]));
    }

    [Fact]
    public async Task A_ranking_without_two_levels_is_not_sent_and_the_fields_work_alone()
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Kind = TaskKind.Rank, Overlap = 1, MaximumOverlap = 1 }, answers: 4));

        await worker.Page.Locator("[name=rank-0]").SelectOptionAsync("1");
        await worker.Page.Locator("[name=rank-2]").SelectOptionAsync("1");
        await worker.Send();
        await worker.Page.GetByText("Put at least two answers on different ranks").WaitForAsync();
        await worker.Page.Locator("[name=rank-2]").SelectOptionAsync("4");
        await worker.Send();

        Assert.Equal([1, 0, 2, 0], (await worker.Judgment()) is var judgment ? judgment.Order.Select(index => judgment.Ranks[index]) : []);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_best_of_four_is_chosen_by_mouse_and_by_keyboard(bool byMouse)
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Kind = TaskKind.Best, Overlap = 1, MaximumOverlap = 1 }, answers: 4));

        if (byMouse)
            await worker.Page.Locator("[name=best]").Nth(2).ClickAsync();
        else
            await worker.Press("3");
        await (byMouse ? worker.Send() : worker.Press("Enter"));

        var judgment = await worker.Judgment();
        Assert.Equal((Outcome.Choice, judgment.Order[2]), (judgment.Outcome, judgment.Best));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Answers_are_rated_by_mouse_and_by_keyboard(bool byMouse)
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Kind = TaskKind.Rate, Axes = ["overall", "dry wit"], Overlap = 1, MaximumOverlap = 1 }));

        if (byMouse)
        {
            foreach (var (axis, value) in new[] { (0, 6), (1, 2), (2, 7), (3, 1) })
                await worker.Page.Locator(".likert").Nth(axis).Locator($"[value='{value}']").ClickAsync();
            await worker.Send();
        }
        else
        {
            await worker.Press("6", "2", "7", "1", "Enter");
        }

        var judgment = await worker.Judgment();
        Assert.Equal(Outcome.Rated, judgment.Outcome);
        AxisRating[] expected = [new("overall", 6, 7, judgment.Order[0]), new("dry wit", 2, 7, judgment.Order[0]), new("overall", 7, 7, judgment.Order[1]), new("dry wit", 1, 7, judgment.Order[1])];
        Assert.Equal(expected, judgment.Ratings);
    }

    private static async Task Drag(IPage page, int place, string target)
    {
        var from = (await page.Locator($"[data-chip='{place}']").BoundingBoxAsync())!;
        await page.Mouse.MoveAsync(from.X + 20, from.Y + (from.Height / 2));
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(from.X + 20, from.Y + (from.Height / 2) - 8, new() { Steps = 2 }); // the places to drop it open
        var to = (await page.Locator(target).BoundingBoxAsync())!;
        await page.Mouse.MoveAsync(to.X + 12, to.Y + (to.Height / 2), new() { Steps = 4 });
        await page.Mouse.UpAsync();
    }
}
