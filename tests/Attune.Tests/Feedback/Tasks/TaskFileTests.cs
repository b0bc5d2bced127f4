using System.Text;
using Attune.Feedback.Tasks;
using Attune.Runs;

namespace Attune.Tests.Feedback.Tasks;

public sealed class TaskFileTests
{
    [Theory]
    [InlineData("question", """{"questions":[{"id":"a","text":"Good?","type":"yes-no"}]}""", null)]
    [InlineData("question", """{"questions":[{"id":"a","text":"Good?","type":"choice","options":[{"id":"x","text":"X"},{"id":"x","text":"Y"}]}]}""", "an id of its own")]
    [InlineData("question", """{"questions":[{"id":"a b","text":"Good?","type":"yes-no"},{"id":"c","text":" ","type":"yes-no"}]}""", "without commas, equals signs and spaces; has no text of question 'c'")]
    [InlineData("question", """{"questions":[{"id":"a","text":"Good?","type":"maybe"}]}""", "is no question")]
    [InlineData("question", """{"image":"data:image/svg+xml;base64,AAAA","questions":[{"id":"a","text":"Good?","type":"yes-no"}]}""", "expected data:image/png;base64,")]
    [InlineData("question", """{"image":"data:image/png;base64,A\"onerror","questions":[{"id":"a","text":"Good?","type":"yes-no"}]}""", "expected data:image/png;base64,")]
    [InlineData("write", """{"prompt":"Write."}""", null)]
    [InlineData("write", """{"prompt":" "}""", "has no prompt")]
    [InlineData("write", """{"prompt":"Write.","prompt":"Write."}""", "is no write")]
    [InlineData("write", """[]""", "is no write")]
    [InlineData("verify", """{"prompt":"Write.","text":"","round":-1}""", "has no text, expected a text; has round -1")]
    [InlineData("fix", """{"prompt":"Write.","text":"Old pond."}""", null)]
    [InlineData("message", "{}", null)]
    [InlineData("message", """{"role":"assistant"}""", "prompter and assistant in turn")]
    [InlineData("message", """{"role":"assistant","thread":[{"role":"prompter","text":"Hello?"}]}""", null)]
    [InlineData("review", """{"thread":[]}""", "has no messages")]
    [InlineData("review", """{"thread":[{"role":"assistant","text":"Hello."}]}""", "has message 1 that is empty or out of turn")]
    [InlineData("best", """{"id":"c","prompt":"p","answers":[{"source":"m","text":"one"},{"source":"m","text":"two"}],"order":[0,0]}""", "has order [0, 0]")]
    [InlineData("riddle", "{}", "'riddle' is no kind of task")]
    public void A_payload_is_checked_by_its_kind(string kind, string payload, string? fault)
    {
        var said = TaskPayload.Check(kind, payload);

        if (fault is null)
            Assert.Null(said);
        else
            Assert.Contains(fault, said);
    }

    [Fact]
    public void Lines_keep_their_number_their_payload_and_their_usual_values()
    {
        var tasks = TaskFile.Parse("tasks.jsonl", Encoding.UTF8.GetBytes("\n{\"kind\":\"write\",\"prompt\":\"Schreib was über Müll.\",\"priority\":3}\n\n{\"kind\":\"fix\",\"prompt\":\"p\",\"text\":\"t\",\"purpose\":\"normal\"}"));

        Assert.Equal([(2, "write", 3, "normal"), (4, "fix", 0, "normal")], tasks.Select(task => (task.Number, task.Kind, task.Priority, task.Purpose)));
        Assert.Equal("""{"prompt":"Schreib was über Müll."}""", tasks[0].Payload);
        Assert.Empty(TaskPayload.Read<FixTask>(tasks[1].Payload).Reasons);
    }

    [Fact]
    public void A_payload_reads_back_as_it_was_written()
    {
        var question = new QuestionTask { Prompt = "p", Questions = [new() { Id = "a", Text = "t", Type = QuestionType.Choice, Options = [new("x", "X"), new("y", "Y")] }] };

        var json = TaskPayload.ToJson(question);

        Assert.Equal(json, TaskPayload.ToJson(TaskPayload.Read<QuestionTask>(json)));
        Assert.Contains("\"type\":\"choice\"", json);
    }

    [Fact]
    public void Bad_lines_are_named_with_file_line_and_reason()
    {
        var problem = Assert.Throws<InputException>(() => TaskFile.Parse("tasks.jsonl", Encoding.UTF8.GetBytes("{\"kind\":\"write\",\"prompt\":\"p\"}\n{\"kind\":\"write\"}\nnonsense\n")));

        Assert.Contains("tasks.jsonl", problem.Message);
        Assert.Contains("line 2 ", problem.Message);
        Assert.Contains("line 3 ", problem.Message);
    }
}
