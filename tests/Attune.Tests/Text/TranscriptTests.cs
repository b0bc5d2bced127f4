using Attune.Text;

namespace Attune.Tests.Text;

public sealed class TranscriptTests
{
    private const string Shared = "\n\nHuman: One\n\nAssistant: Two\n\nHuman: Three\n\nAssistant:";

    [Fact]
    public void The_last_answers_are_compared()
    {
        var pair = Transcript.Pair(Shared + " Four", Shared + " Five");

        Assert.Equal(new PreferencePair(Shared, " Four", " Five"), pair);
    }

    [Fact]
    public void Answers_that_begin_alike_stay_whole()
    {
        Assert.Equal((" Four a", " Four b"), Answers(Transcript.Pair(Shared + " Four a", Shared + " Four b")));
        Assert.Equal((" Four", " Four b"), Answers(Transcript.Pair(Shared + " Four", Shared + " Four b")));
    }

    [Fact]
    public void Dialogues_that_part_earlier_are_compared_from_there()
    {
        var pair = Transcript.Pair("\n\nHuman: One\n\nAssistant: Two\n\nHuman: Three\n\nAssistant: Four", "\n\nHuman: One\n\nAssistant: 2\n\nHuman: 3\n\nAssistant: 4");

        Assert.Equal("\n\nHuman: One\n\nAssistant:", pair.Prompt);
        Assert.Equal(" Two\n\nHuman: Three\n\nAssistant: Four", pair.Chosen);
        Assert.Equal(" 2\n\nHuman: 3\n\nAssistant: 4", pair.Rejected);
    }

    [Fact]
    public void Turns_are_read_trimmed()
    {
        var turns = Transcript.Parse(Shared + " Four\nlines ").Messages;

        Assert.Equal([new(Role.User, "One"), new(Role.Assistant, "Two"), new(Role.User, "Three"), new(Role.Assistant, "Four\nlines")], turns);
        Assert.Empty(Transcript.Parse("no dialogue").Messages);
    }

    [Fact]
    public void The_shared_beginning_is_the_prompt_and_its_last_space_goes_to_the_answers()
    {
        // TRL, prompt extraction
        Assert.Equal(new PreferencePair("The sky is", " blue.", " green."), SharedPrompt.Extract("The sky is blue.", "The sky is green."));
        Assert.Equal(("", "a", "b"), Parts(SharedPrompt.Extract("a", "b")));
        Assert.Equal(("x", "🦙", "🦚"), Parts(SharedPrompt.Extract("x🦙", "x🦚"))); // these share their first UTF-16 unit
        Assert.Equal(("Hi", " 🙂", " 🙃"), Parts(SharedPrompt.Extract("Hi 🙂", "Hi 🙃"))); // so do these, behind a space
    }

    [Theory]
    [InlineData("hello", DataPart.Train, 4)] // SHA-256 2cf24dba…: 0x2c = 44
    [InlineData(" hello\n", DataPart.Train, 4)]
    [InlineData("\n\nHuman: hello\n\nAssistant: anything", DataPart.Train, 4)]
    [InlineData("abc", DataPart.Train, 6)] // ba7816bf…: 0xba = 186
    [InlineData("", DataPart.Train, 7)] // e3b0c442…: 0xe3 = 227
    public void A_prompt_has_the_part_that_its_hash_says(string prompt, DataPart part, int bucket)
    {
        Assert.Equal(bucket, HashSplit.Bucket(prompt));
        Assert.Equal(part, HashSplit.Of(prompt));
    }

    private static (string, string) Answers(PreferencePair pair) => (pair.Chosen, pair.Rejected);

    private static (string, string, string) Parts(PreferencePair pair) => (pair.Prompt, pair.Chosen, pair.Rejected);
}
