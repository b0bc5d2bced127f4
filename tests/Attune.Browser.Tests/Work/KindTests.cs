using System.Text;
using Attune.Feedback;
using Attune.Storage.Work;
using Attune.Web.Work;

namespace Attune.Browser.Tests.Work;

/// <summary>Questions, written texts and their verification in a browser, by mouse and by keyboard alone.</summary>
[Collection(WorkSiteTests.Name)]
public sealed class KindTests(WorkSite site)
{
    private const string Image = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_choice_about_an_image_is_made(bool byMouse)
    {
        await using var worker = await Worker(
            $$"""{"kind":"question","prompt":"A photo.","image":"data:image/png;base64,{{Image}}","imageText":"A photo","questions":[{"id":"shows","text":"What does it show?","type":"choice","options":[{"id":"cat","text":"A cat"},{"id":"dog","text":"A dog"}]}]}""");
        Assert.Equal(1, await worker.Page.EvaluateAsync<int>("document.querySelector('.picture img').naturalWidth"));

        if (byMouse)
        {
            await worker.Page.GetByText("A dog").ClickAsync();
            await worker.Send();
        }
        else
        {
            await worker.Press("2", "Enter");
        }

        var judgment = await worker.Judgment();
        Assert.Equal((Outcome.Answered, "dog"), (judgment.Outcome, judgment.Answers!["shows"]));
        Assert.Empty(worker.Complaints);
    }

    [Fact]
    public async Task An_image_that_is_not_there_is_said_so_by_keyboard_and_takes_the_answer_back()
    {
        await using var worker = await Worker("""{"kind":"question","image":"data:image/png;base64,iVBORw0KGgo=","questions":[{"id":"a","text":"Is it a cat?","type":"yes-no"}]}""");

        await worker.Press("1", "m", "Enter");

        var judgment = await worker.Judgment();
        Assert.Equal((Outcome.CannotJudge, "image-missing"), (judgment.Outcome, Assert.Single(judgment.Flags)));
        Assert.Null(judgment.Answers);
    }

    [Fact]
    public async Task What_is_typed_and_what_is_pasted_is_counted_over_a_reload()
    {
        await using var worker = await Worker("""{"kind":"write","prompt":"Write a line."}""");
        var (comment, text) = (worker.Page.Locator("[name=comment]"), worker.Page.Locator("[name=text]"));
        await comment.PressSequentiallyAsync("copied words");
        await comment.PressAsync("Control+a");
        await comment.PressAsync("Control+c");
        await text.PressSequentiallyAsync("Typed. ");
        await text.PressAsync("Control+v");
        await worker.Page.ReloadAsync();
        await text.PressSequentiallyAsync("!");
        await worker.Send();

        var judgment = await worker.Judgment();
        Assert.Contains("copied words", judgment.Text);
        Assert.Equal((12 + 7 + 1, 12), (judgment.TypedCharacters, judgment.PastedCharacters));
        Assert.Empty(worker.Complaints);
    }

    [Fact]
    public async Task Several_questions_are_answered_by_digits_and_none_may_be_left_out()
    {
        await using var worker = await Worker("""{"kind":"question","questions":[{"id":"a","text":"Good?","type":"yes-no"},{"id":"b","text":"Long?","type":"yes-no"}]}""");

        await worker.Press("1", "Enter");
        await worker.Page.GetByText("Answer all questions first.").WaitForAsync();
        await worker.Press("2", "Enter");

        Assert.Equal(["a=yes", "b=no"], (await worker.Judgment()).Answers!.Select(answer => $"{answer.Key}={answer.Value}"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_text_is_written_and_somebody_else_says_what_is_to_be_mended(bool byMouse)
    {
        await using var writer = await Worker("""{"kind":"write","prompt":"Write a haiku about rain."}""", new() { MinimumCharacters = 8, Verifiers = 1 });
        var text = writer.Page.Locator("[name=text]");

        await writer.Send();
        await writer.Page.GetByText("Write something first.").WaitForAsync();
        await text.FillAsync("Rain.");
        await writer.Press("Control+Enter");
        await writer.Page.GetByText("expected at least 8").WaitForAsync();
        await writer.Reload();
        Assert.Equal("Rain.", await text.InputValueAsync()); // the draft is still there
        if (byMouse)
        {
            await text.FillAsync("Rain on <b>roofs</b>.");
            await writer.Send();
        }
        else
        {
            await writer.TabTo("[name=text]");
            await writer.Press("Control+A");
            await writer.Page.Keyboard.TypeAsync("Rain on <b>roofs</b>.");
            await writer.Press("Control+Enter");
        }
        Assert.Equal("Rain on <b>roofs</b>.", Assert.Single(await writer.Log(1)).Text);

        await using var verifier = await site.WorkerAsync(writer.Project);
        Assert.Equal(0, await verifier.Page.Locator("[data-text] b").CountAsync());
        await verifier.Press("2", "Enter");
        await verifier.Page.GetByText("Say what has to be mended.").WaitForAsync();
        if (byMouse)
        {
            await verifier.Page.Locator("[name=why]").FillAsync("No season.");
            await verifier.Send();
        }
        else
        {
            await verifier.TabTo("[name=why]");
            await verifier.Page.Keyboard.TypeAsync("No season.");
            await verifier.Press("Control+Enter");
        }
        var verdict = (await verifier.Log(2))[1];
        Assert.Equal(("no", "No season.", verifier.Person.Pseudonym), (verdict.Answers!["accept"], verdict.Reason, verdict.AnnotatorId));

        await verifier.Page.GetByText("The mended text").WaitForAsync();
        Assert.Equal("Rain on <b>roofs</b>.", await verifier.Page.Locator("[name=text]").InputValueAsync());
        await Browser.Picture(verifier.Page, $"fix-{byMouse}.png");
        Assert.DoesNotContain(verifier.Complaints, complaint => !complaint.Contains("422", StringComparison.Ordinal));
    }

    private async Task<Worker> Worker(string lines, ChainSettings? chain = null)
    {
        var project = await site.ProjectAsync(new() { Kind = TaskKind.Question, Overlap = 1, MaximumOverlap = 1, Chain = chain ?? new() }, "Kinds", []);
        await TaskImport.Parse("tasks.jsonl", Encoding.UTF8.GetBytes(lines)).AddAsync(site.Database, project, null, CancellationToken.None);
        return await site.WorkerAsync(project);
    }
}
