using System.Text;
using System.Text.Json;
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
    [InlineData("question", """{"image":"data:image/png;base64,R0lGODlh","questions":[{"id":"a","text":"Good?","type":"yes-no"}]}""", "says image/png and begins as image/gif")]
    [InlineData("question", """{"image":"data:image/gif;base64,PGh0bWw+","questions":[{"id":"a","text":"Good?","type":"yes-no"}]}""", "begins as none of these")]
    [InlineData("question", """{"image":"cat.png","questions":[{"id":"a","text":"Good?","type":"yes-no"}]}""", "has the image 'cat.png', expected data:image/png;base64,")]
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

    private static readonly byte[] Png = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2], Jpeg = [0xFF, 0xD8, 0xFF, 0xE0], WebP = [.. "RIFF"u8, 4, 0, 0, 0, .. "WEBPVP8 "u8];

    private static byte[] Pictured(string name) => JsonSerializer.SerializeToUtf8Bytes(new { kind = "question", id = "q", image = name, questions = new[] { new { id = "a", text = "A cat?", type = "yes-no" } } });

    [Fact]
    public void A_picture_beside_the_file_is_kept_in_the_task_under_the_type_of_its_bytes()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.PathOf("pictures"));
        File.WriteAllBytes(folder.PathOf("cat.gif"), Png); // a name says nothing
        File.WriteAllBytes(folder.PathOf("pictures/dog.jpg"), Jpeg);
        File.WriteAllBytes(folder.PathOf("pictures/cow.webp"), WebP);

        foreach (var (name, type, bytes) in new[] { ("cat.gif", "png", Png), ("pictures/dog.jpg", "jpeg", Jpeg), ("pictures/cow.webp", "webp", WebP) })
        {
            var task = Assert.Single(TaskFile.Parse("tasks.jsonl", Pictured(name), pictures: PicturesBeside.OfFolder(folder.PathOf(""))));
            Assert.Equal($"data:image/{type};base64,{Convert.ToBase64String(bytes)}", TaskPayload.Read<QuestionTask>(task.Payload).Image);
        }
        var uploaded = Assert.Single(TaskFile.Parse("tasks.jsonl", Pictured("dog.jpg"), pictures: PicturesBeside.OfFiles([("C:\\photos\\dog.jpg", Jpeg)])));
        Assert.Contains("data:image/jpeg;base64,", uploaded.Payload);
    }

    [Theory]
    [InlineData("../secret.png", "without '..'")]
    [InlineData("pictures/../../secret.png", "without '..'")]
    [InlineData("/etc/passwd", "without '..'")]
    [InlineData("..\\secret.png", "without '..'")]
    [InlineData("C:/secret.png", "without '..'")]
    [InlineData("./cat.png", "without '..'")]
    [InlineData("https://example.org/cat.png", "without '..'")]
    [InlineData("none.png", "which is not there")]
    [InlineData("pictures", "which is not there")]
    [InlineData("link.png", "which is not there, expected a file beside this one that is no link")]
    [InlineData("out/secret.png", "which is not there")]
    [InlineData("page.png", "begins as none of PNG, JPEG, GIF and WebP")]
    [InlineData("empty.png", "begins as none of PNG, JPEG, GIF and WebP")]
    [InlineData("large.png", "of more than 4194304 bytes")]
    public void A_picture_from_elsewhere_or_of_another_kind_is_refused_with_its_line(string name, string why)
    {
        using var folder = new TemporaryFolder();
        var tasks = Directory.CreateDirectory(folder.PathOf("tasks")).FullName;
        Directory.CreateDirectory(Path.Combine(tasks, "pictures"));
        File.WriteAllBytes(folder.PathOf("secret.png"), Png);
        File.CreateSymbolicLink(Path.Combine(tasks, "link.png"), folder.PathOf("secret.png"));
        Directory.CreateSymbolicLink(Path.Combine(tasks, "out"), folder.PathOf(""));
        File.WriteAllText(Path.Combine(tasks, "page.png"), "<html><script>");
        File.WriteAllBytes(Path.Combine(tasks, "empty.png"), []);
        File.WriteAllBytes(Path.Combine(tasks, "large.png"), [.. Png, .. new byte[Pictures.Largest]]);

        var problem = Assert.Single(Assert.Throws<InputException>(() => TaskFile.Parse("tasks.jsonl", Pictured(name), pictures: PicturesBeside.OfFolder(tasks))).Problems);

        Assert.Equal("line 1 (byte 0)", problem.Key);
        Assert.Contains(why, problem.Message);
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
