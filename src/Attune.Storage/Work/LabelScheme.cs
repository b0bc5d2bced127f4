namespace Attune.Storage.Work;

/// <summary>Labels that are asked for with ratings.</summary>
public enum LabelScheme
{
    /// <summary>None.</summary>
    None,

    /// <summary>OpenAssistant's: spam; what is wrong with the text (yes or no each); six scales of five steps (Köpf et al. 2023).</summary>
    OpenAssistant,
}

/// <summary>The questions and scales of <see cref="LabelScheme.OpenAssistant"/>, in the order in which they are asked.</summary>
public static class OpenAssistantLabels
{
    /// <summary>Steps of each scale.</summary>
    public const int Steps = 5;

    /// <summary>The question that comes first; who says yes need not say more.</summary>
    public const string Spam = "spam";

    /// <summary>Questions of yes or no.</summary>
    public static IReadOnlyList<string> Questions { get; } = [Spam, "fails-task", "not-english", "not-appropriate", "private-data", "hate"];

    /// <summary>Scales; the first is the overall one.</summary>
    public static IReadOnlyList<string> Scales { get; } = ["quality", "helpful", "creative", "humorous", "polite", "harmless"];

    /// <summary>The key of a question in a judgment's answers: the question alone where one answer is rated, else with the answer's index behind it, <c>spam#1</c>.</summary>
    public static string KeyOf(string question, int answer, int answers) => answers == 1 ? question : $"{question}#{answer}";
}
