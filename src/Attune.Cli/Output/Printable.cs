using System.Text;

namespace Attune.Cli.Output;

/// <summary>Text of a model or a file on its way to a terminal: what would steer the terminal is shown instead of obeyed.</summary>
internal static class Printable
{
    /// <summary>The text with line breaks and tabs as they are, and other control characters as <c>\x1B</c>.</summary>
    public static string Text(string text) => Escaped(text, keepsLines: true);

    /// <summary>One line in quotation marks, in which spaces at the ends can be seen.</summary>
    public static string Quoted(string text) => $"\"{Escaped(text, keepsLines: false)}\"";

    private static string Escaped(string text, bool keepsLines)
    {
        var result = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            result.Append(c switch
            {
                '\n' or '\t' when keepsLines => c.ToString(),
                '\n' => @"\n",
                '\t' => @"\t",
                '\r' => @"\r",
                _ when char.IsControl(c) || c is '\u2028' or '\u2029' => $@"\x{(int)c:X2}",
                _ => c.ToString(),
            });
        }
        return result.ToString();
    }
}
